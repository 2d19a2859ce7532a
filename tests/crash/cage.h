/* cage.h -- a hard limit on the memory of a child process. Where that is permitted, it is a
 * separate control group, which kills a process above the limit. Elsewhere it is RLIMIT_DATA, which
 * makes allocations fail. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cage {
    char group[480]; /* folder of the control group; "": RLIMIT_DATA is used */
    uint64_t bytes;
};

/* dir: the folder that the child writes to. If it is on a tmpfs, RLIMIT_DATA is used: a control
 * group would count the files as memory. */
void cage_open(struct cage *c, uint64_t bytes, const char *dir);
/* Call it in the child, between fork and exec. */
void cage_enter(void *cage);
void cage_close(struct cage *c); /* after the children have ended */
const char *cage_kind(const struct cage *c);

/* The anonymous memory of a process; 0: the process has ended. */
uint64_t anonymous_bytes(pid_t pid);
