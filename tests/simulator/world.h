/* world.h -- one seed: a world with a disk and a network, and a server in it that is started, used, cut off and started again. */
#pragma once

#include <stdint.h>

struct world_result {
    char failure[400]; /* empty: all was well */
    uint64_t trace_hash, trace_events;
    uint32_t rounds, crashes, acknowledged, searches;
};

/* trace: prints everything that happens to standard output. */
void world_run(uint64_t seed, int trace, struct world_result *ret);
