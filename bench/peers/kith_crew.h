/* kith_crew.h -- threads that build together (index/crew.h): the one that asks, and others that wait in between. */
#pragma once

#include "index/crew.h"

struct thread_crew;
/* A crew of `threads`; NULL when they cannot be started. */
struct thread_crew *thread_crew_create(unsigned threads);
void thread_crew_destroy(struct thread_crew *c); /* NULL: nothing */
/* CPU time that shares spent while a longer share of the same call was still at work: what a core for each thread spares. */
uint64_t thread_crew_spared_ns(const struct thread_crew *c);
const struct crew *thread_crew_lend(const struct thread_crew *c);
