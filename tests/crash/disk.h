/* disk.h -- a small file system for one test, which can be filled to the last byte.
 *
 * It is mounted in a namespace of this process and its children, and vanishes with them. It is ext4
 * in a file on a loop device where that is allowed, and otherwise a tmpfs with a limit. */
#pragma once

#include <stdint.h>

struct disk {
    char path[300];    /* where it is mounted */
    char outside[320]; /* the file that fills it */
    const char *kind;  /* "ext4" or "tmpfs" */
};

/* dir: a folder of the caller on another disk. kind: NULL, or the only kind to try. Returns 0, or
 * failed() if the machine does not allow it. */
int disk_open(struct disk *d, const char *dir, unsigned mib, const char *kind);
int disk_fill(struct disk *d);            /* fills it to the last byte; 0, or failed() */
void disk_free(struct disk *d);           /* removes what disk_fill() wrote */
uint64_t disk_room(const struct disk *d); /* free bytes */
void disk_close(struct disk *d);          /* no file of it may be open */
