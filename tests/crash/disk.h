/* disk.h -- a small file system of the test's own, which can be filled to the last byte.
 *
 * It lives in a mount namespace of this process and its children: when they end, it is gone. ext4
 * in a file on a loop device where that is allowed, otherwise a tmpfs with a limit. */
#pragma once

#include <stdint.h>

struct disk {
    char path[300];    /* where it is mounted */
    char outside[320]; /* the file that fills it */
    const char *kind;  /* "ext4" or "tmpfs" */
};

/* dir: a folder of the caller's, on another disk. kind: NULL, or the only one to try. 0, or
 * failed(): the machine does not allow it. */
int disk_open(struct disk *d, const char *dir, unsigned mib, const char *kind);
int disk_fill(struct disk *d);            /* to the last byte. 0, or failed() */
void disk_free(struct disk *d);           /* takes away what disk_fill() wrote */
uint64_t disk_room(const struct disk *d); /* bytes */
void disk_close(struct disk *d);          /* no file may be open on it */
