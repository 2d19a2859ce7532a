/* plan.h -- what a seed draws before anything happens: how many players, how long, which
 * faults and how often. */
#pragma once

#include "reactor/sim/sim.h"

#include <stdbool.h>

#define PLAYERS_MAX 4

struct seed_plan {
    uint32_t players, rounds;
    uint32_t rates[FAULT_KINDS]; /* per million occasions while faults are on; 0: never */
    bool rot;                    /* files at rest are damaged between rounds */
    uint64_t index_bytes;        /* of memory, when indexes are left open; 0: no bound */
    bool varied;                 /* schedules that an even one hardly ever takes */
    bool copies;                 /* the disk knows no second names: snapshots are copies */
    uint64_t storm;              /* what its storms are drawn from; 0: there are none */
    uint64_t wide;               /* likewise, its wide vectors */
    uint64_t many;               /* likewise, its many collections */
    uint64_t fields;             /* likewise, the fields that come and go */
};

void plan_draw(struct seed_plan *p, uint64_t *random);

/* Faults begin and end; what only shifts the order of things never ends. */
void plan_faults_on(const struct seed_plan *p, struct sim *sim);
void plan_faults_off(struct sim *sim);
