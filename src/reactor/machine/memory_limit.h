/* memory_limit.h -- the memory that this process may use: the least limit of its control groups,
 * its resource limits and the machine. Also the memory that it uses now, and the settings of the
 * heap. */
#pragma once

#include <stdint.h>

struct memory_limit {
    uint64_t bytes;   /* 0: no limit is known */
    const char *from; /* "the control group", "RLIMIT_DATA", "RLIMIT_AS" or "the machine" */
};

/* Each call reads the limit of the control group again, because it may change while the process
 * runs. */
struct memory_limit memory_limit_find(void);
/* The least limit of the control groups, from files under root: "" for the system's own. 0: no
 * limit. */
uint64_t memory_limit_of_groups(const char *root);

/* Bytes of the process that are not backed by a file, so the kernel cannot drop them. 0 where the
 * system does not report it, in the simulator, and under sanitizers, whose own memory would count
 * too. */
uint64_t process_anonymous_bytes(void);
/* Sets up the heap before its first use. Blocks of 1 MiB or more get mappings of their own, which
 * go back to the system when they are freed. */
void process_memory_init(void);
/* Lets the heap of each reactor keep so many free bytes at its end for later allocations; 2 MiB at
 * most. */
void process_memory_keep(uint64_t bytes);
/* Gives freed memory back to the system. Takes 0.2 ms a MiB, and 1 us for each free block of the
 * heap, whether or not it was given back before. It is one call, and other threads cannot allocate
 * meanwhile. */
void process_memory_trim(void);
