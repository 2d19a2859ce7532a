/* world.h -- runs one seed: a world with a disk and a network in memory, and a server in it. The
 * server is started, used, stopped or cut off, and started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WORLD_OPERATIONS 20
#define WORLD_FAULTS     24

struct world_result {
    char failure[500]; /* empty: the seed passed */
    uint64_t trace_hash, trace_events, virtual_ns;
    uint64_t operations[WORLD_OPERATIONS]; /* how many were checked, by kind of operation */
    uint64_t faults[WORLD_FAULTS];         /* how many were injected, by kind of fault */
    uint64_t rounds, crashes, acknowledged, refused, refused_starts, restores, early, storms, storm_answers,
        wide_searches, many;
};

enum world_trace { TRACE_NONE, TRACE_TOLD, TRACE_ALL };

/* Runs the seed and prints its trace to standard output. TRACE_TOLD prints what clients, server and
 * faults do. TRACE_ALL prints every event as well. */
void world_run(uint64_t seed, enum world_trace trace, struct world_result *ret);

const char *world_operation_name(unsigned kind); /* NULL: kind is past the last one */
const char *world_fault_name(unsigned kind);
