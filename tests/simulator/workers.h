/* workers.h -- runs each seed in a process of its own, several at a time. A power cut leaves memory
 * behind that ends with the process, and a crash of the server fails only its seed. */
#pragma once

#include "world.h"

#include <stddef.h>

struct seed_run {
    uint64_t seed;
    bool done;
    struct world_result result;
};

/* Runs all seeds. Every eighth runs twice, to check that a seed always gives the same run. Calls
 * finished() after each seed; once it returns false, no more seeds are started. Returns 0 or a
 * negative errno. */
int workers_run(struct seed_run *runs, size_t count, unsigned jobs, bool (*finished)(const struct seed_run *run));
