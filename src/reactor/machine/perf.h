/* perf.h -- hardware counters of the core while it runs this process: cycles, instructions, misses.
 * They are Linux's perf_event_open() for the reactor's thread, without time in the kernel. Many
 * machines forbid them, most virtual machines lack them, and the simulator has none. Then the
 * counters are unavailable, not zero. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum perf_counter { PERF_CYCLES, PERF_INSTRUCTIONS, PERF_CACHE_MISSES, PERF_BRANCH_MISSES, PERF_COUNTERS };

/* The counters that the calling reactor has, a bit for each. The first call opens them. */
unsigned perf_available(void);
/* Reads the available counters, which only grow; other elements keep their values. False: no
 * counter is available, or the kernel shared them with other programs, so that the values are
 * incomplete. Costs a system call. */
bool perf_read(uint64_t values[PERF_COUNTERS]);
const char *perf_counter_name(enum perf_counter c); /* "cache_misses" */
