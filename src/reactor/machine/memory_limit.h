/* memory_limit.h -- how much memory this process may have: the least of what its control groups,
 * its resource limits and the machine allow, and what it has now. */
#pragma once

#include <stdint.h>

struct memory_limit {
    uint64_t bytes;   /* 0: nothing could be found out */
    const char *from; /* "the control group", "RLIMIT_DATA", "RLIMIT_AS" or "the machine" */
};

/* The control group is asked again by each call: its limit may be changed while we run. */
struct memory_limit memory_limit_find(void);
/* The part of it that control groups say, from files under root: "" for the system's own.
 * 0: there is no limit. */
uint64_t memory_limit_of_groups(const char *root);

/* What the process has and cannot give back without losing it; 0 where the system does not say, in
 * the simulator, and where a sanitizer's own memory is in the figure too. */
uint64_t process_anonymous_bytes(void);
/* How the heap is set up, before anything is taken from it: blocks from a MiB on are
 * mappings of their own, which the system has back when they are freed, and not a part of
 * the heap that it keeps. */
void process_memory_init(void);
/* The heap of each reactor may keep so many bytes at its end for what is allocated
 * next; 2 MiB at most. */
void process_memory_keep(uint64_t bytes);
/* Gives memory that was freed back to the system. 0.2 ms a MiB of it, and 1 us for each free piece
 * that the heap has, given back already or not: all in one call, and nobody can allocate
 * meanwhile. */
void process_memory_trim(void);
