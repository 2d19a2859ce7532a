/* world.h -- one seed: a world with a disk and a network, and a server in it that is started, used,
 * cut off and started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WORLD_OPERATIONS 20
#define WORLD_FAULTS     24

struct world_result {
    char failure[500]; /* empty: all was well */
    uint64_t trace_hash, trace_events, virtual_ns;
    uint64_t operations[WORLD_OPERATIONS]; /* checked, by kind */
    uint64_t faults[WORLD_FAULTS];         /* injected, by kind */
    uint64_t rounds, crashes, acknowledged, refused, refused_starts, restores, early, storms, storm_answers,
        wide_searches, many;
};

enum world_trace { TRACE_NONE, TRACE_TOLD, TRACE_ALL };

/* Prints what happens to standard output as far as trace says: what clients, server and
 * faults do, or every event. */
void world_run(uint64_t seed, enum world_trace trace, struct world_result *ret);

const char *world_operation_name(unsigned kind); /* NULL: there are no more */
const char *world_fault_name(unsigned kind);
