/* plan.h -- what a seed draws before anything happens: how many players and rounds, which faults
 * and how often. */
#pragma once

#include "reactor/sim/sim.h"

#include <stdbool.h>

#define PLAYERS_MAX 4

struct seed_plan {
    uint32_t players, rounds;
    uint32_t rates[FAULT_KINDS]; /* per million occasions while faults are on; 0: never */
    bool rot;                    /* bits of files flip between rounds */
    uint64_t index_bytes;        /* memory for AUTOINDEX to plan with; 0: no bound */
    bool varied;                 /* unfair schedules, which the usual one hardly ever takes */
    bool copies;                 /* the disk has no hard links: snapshots are copies */
    uint64_t storm;              /* the stream that storms are drawn from; 0: no storms */
    uint64_t wide;               /* likewise, of wide vectors */
    uint64_t many;               /* likewise, of many collections */
    uint64_t fields;             /* likewise, of fields that are added and dropped */
};

void plan_draw(struct seed_plan *p, uint64_t *random);

/* Switches the faults on and off. Faults that only change the order of events stay on. */
void plan_faults_on(const struct seed_plan *p, struct sim *sim);
void plan_faults_off(struct sim *sim);
