/* memory_limit.h -- how much memory this process may have: the least of what its control groups, its resource limits and the machine
 * allow, and what it has now. */
#pragma once

#include <stdint.h>

struct memory_limit {
    uint64_t bytes;   /* 0: nothing could be found out */
    const char *from; /* "the control group", "RLIMIT_DATA", "RLIMIT_AS" or "the machine" */
};

/* The control group is asked again by each call: its limit may be changed while we run. */
struct memory_limit memory_limit_find(void);
/* The part of it that control groups say, from files under root: "" for the system's own. 0: there is no limit. */
uint64_t memory_limit_of_groups(const char *root);

/* What the process has and cannot give back without losing it; 0 where the system does not say, in the simulator, and where a sanitizer's own
 * memory is in the figure too. */
uint64_t process_anonymous_bytes(void);
/* Gives memory that was freed back to the system; takes milliseconds when there is much. */
void process_memory_trim(void);
