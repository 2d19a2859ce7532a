/* plan.h -- what a seed draws before anything happens: how many players, how long, which faults and how often. */
#pragma once

#include <stdint.h>

#define PLAYERS_MAX 4

struct plan {
    uint32_t players, rounds;
};

void plan_draw(struct plan *p, uint64_t *random);
