/* parallel.h -- what a benchmark prepares before it measures, on all cores. */
#pragma once

#include "clock.h"

/* Calls fn(arg, from, to) for pieces of [0, count), each of `piece` numbers or what is left, by a
 * thread a core; p says how far it is. Returns when all is done. Which thread takes which piece is
 * chance: fn must not care. */
void parallel_run(uint32_t count, uint32_t piece, void (*fn)(void *arg, uint32_t from, uint32_t to), void *arg,
                  struct progress *p);
