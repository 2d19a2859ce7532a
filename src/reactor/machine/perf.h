/* perf.h -- what the core itself counts while it runs our code: cycles, instructions, misses.
 * Linux's perf_event_open() for the reactor's thread, without the kernel's part. Many machines
 * allow it to nobody, most virtual ones have no counters: then there are none, which is not the
 * same as zero. None in the simulator either. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum perf_counter { PERF_CYCLES, PERF_INSTRUCTIONS, PERF_CACHE_MISSES, PERF_BRANCH_MISSES, PERF_COUNTERS };

/* The counters that the calling reactor has, a bit for each; opens them when it is first asked. */
unsigned perf_available(void);
/* Their values, which only grow; others are left alone. False: there are none, or the kernel shared
 * the counters with others, so that the values are not whole. A system call. */
bool perf_read(uint64_t values[PERF_COUNTERS]);
const char *perf_counter_name(enum perf_counter c); /* "cache_misses" */
