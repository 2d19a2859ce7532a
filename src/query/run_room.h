/* run_room.h -- what searches with a filter work in, kept from search to search. Apart from run.h,
 * because the store only keeps it. */
#pragma once

#include "base/check.h"
#include <stdint.h>

struct hit;

/* Zero-initialised is valid. */
struct run_room {
    struct hit *hits;
    uint64_t *passing; /* a bit a row */
    uint32_t hits_max, passing_max;
};
void run_room_fini(struct run_room *room);
uint64_t run_room_bytes(const struct run_room *room);
MUST_USE int run_room_hits(struct run_room *room, uint32_t hits); /* -ENOMEM */
