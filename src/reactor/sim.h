/* sim.h -- a world for the server to run in: virtual time, a disk and a network made of memory, and a seed.
 *
 * All reactors run in one thread; which runs next, how long I/O takes and in which order completions come is drawn from
 * the seed, so the same seed gives the same run, told by a hash over everything that happened. The disk outlives a
 * runtime: a crash ends a run and keeps what was flushed, and the next runtime opens the same disk. */
#pragma once

#include "base/error.h"
#include <stdint.h>

struct sim;

MUST_USE int sim_create(uint64_t seed, struct sim **ret);
void sim_destroy(struct sim *s);

/* Ends the running runtime as a power cut would: nothing more runs, unflushed writes are lost or kept sector by sector
 * as the seed says. Callable from a fiber; the runtime_run() that is under way returns -EOWNERDEAD. */
void sim_crash(struct sim *s);

uint64_t sim_trace_hash(const struct sim *s);   /* equal for equal runs */
uint64_t sim_trace_events(const struct sim *s); /* how many things happened */
/* A readable trace, line by line. */
void sim_trace_to(struct sim *s, void (*line)(const char *text, void *arg), void *arg);
