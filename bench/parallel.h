/* parallel.h -- runs preparations of a benchmark on all cores. */
#pragma once

#include "clock.h"

/* Calls fn(arg, from, to) for pieces of [0, count), of `piece` numbers each but the last, with one
 * thread for each core. p shows the progress. Returns when all is done. The assignment of pieces to
 * threads is random, so results must not depend on it. */
void parallel_run(uint32_t count, uint32_t piece, void (*fn)(void *arg, uint32_t from, uint32_t to), void *arg,
                  struct progress *p);
