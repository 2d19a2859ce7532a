/* kith_workers.h -- threads that build together (base/workers.h): the calling thread, and others
 * that wait between calls. */
#pragma once

#include "base/workers.h"
#include <stdint.h>

struct thread_workers;
/* Starts workers with `threads` threads; NULL when they cannot be started. */
struct thread_workers *thread_workers_create(unsigned threads);
void thread_workers_destroy(struct thread_workers *c); /* NULL: does nothing */
/* CPU time of shares during which a longer share of the same call was still running: the time saved
 * when each thread has a core. */
uint64_t thread_workers_spared_ns(const struct thread_workers *c);
const struct workers *thread_workers_lend(const struct thread_workers *c);
