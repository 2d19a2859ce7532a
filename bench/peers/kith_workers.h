/* kith_workers.h -- threads that build together (base/workers.h): the one that asks, and others
 * that wait in between. */
#pragma once

#include "base/workers.h"
#include <stdint.h>

struct thread_workers;
/* Workers of `threads`; NULL when they cannot be started. */
struct thread_workers *thread_workers_create(unsigned threads);
void thread_workers_destroy(struct thread_workers *c); /* NULL: nothing */
/* CPU time that shares spent while a longer share of the same call was still at work: what a core
 * for each thread spares. */
uint64_t thread_workers_spared_ns(const struct thread_workers *c);
const struct workers *thread_workers_lend(const struct thread_workers *c);
