/* workers.h -- runs seeds in processes of their own, some at a time: a power cut leaves memory
 * behind, and a crash of ours is a failure of its seed only. */
#pragma once

#include "world.h"

#include <stddef.h>

struct seed_run {
    uint64_t seed;
    bool done;
    struct world_result result;
};

/* Runs all; every eighth seed twice, to see that a seed always gives the same run. Calls finished()
 * after each; when that says false no more are begun. */
int workers_run(struct seed_run *runs, size_t count, unsigned jobs, bool (*finished)(const struct seed_run *run));
