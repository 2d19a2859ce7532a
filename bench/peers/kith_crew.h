/* kith_crew.h -- threads that build together (index/crew.h): the one that asks, and others that wait in between. */
#pragma once

#include "index/crew.h"

struct thread_crew;
/* A crew of `threads`; NULL when they cannot be started. */
struct thread_crew *thread_crew_create(unsigned threads);
void thread_crew_destroy(struct thread_crew *c); /* NULL: nothing */
const struct crew *thread_crew_lend(const struct thread_crew *c);
