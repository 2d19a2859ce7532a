/* cage.h -- a hard limit on the memory of a child process: a control group of its own where that is
 * permitted, which kills who goes beyond; otherwise RLIMIT_DATA, which lets allocations fail. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cage {
    char group[480]; /* folder of the control group; "": RLIMIT_DATA */
    uint64_t bytes;
};

/* dir: where the child writes. On a tmpfs a group would be charged for its files, which is not
 * what is to be limited. */
void cage_open(struct cage *c, uint64_t bytes, const char *dir);
/* Called in the child, before it is replaced by the program. */
void cage_enter(void *cage);
void cage_close(struct cage *c); /* when the children are gone */
const char *cage_kind(const struct cage *c);

/* Anonymous memory of a process now; 0: it is gone. */
uint64_t anonymous_bytes(pid_t pid);
