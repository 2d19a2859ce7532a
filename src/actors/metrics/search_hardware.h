/* search_hardware.h -- what a search costs the core, by the core's own counters
 * (reactor/machine/perf.h).
 *
 * One search in 64 is measured, and counts if no other fiber ran on the core meanwhile. So the
 * figures are exact, and cost two system calls in 64 searches. Long searches, which let others
 * run, are under-represented. */
#pragma once

#include "base/check.h"
#include "reactor/machine/perf.h"
#include <stdbool.h>
#include <stdint.h>

struct search_hardware {
    uint64_t turn, samples, counts[PERF_COUNTERS];
    unsigned counters; /* those that exist, a bit for each; 0: none, or none was read yet */
};

struct search_probe {
    bool looks;
    uint64_t switches, before[PERF_COUNTERS];
};

void search_hardware_look(struct search_hardware *h, struct search_probe *p);
void search_hardware_count(struct search_hardware *h, const struct search_probe *p);
void search_hardware_add(struct search_hardware *sum, const struct search_hardware *more);

#define SEARCH_HARDWARE_EVERY 64
static inline void search_hardware_begin(struct search_hardware *h, struct search_probe *p)
{
    p->looks = h->turn++ % SEARCH_HARDWARE_EVERY == 0;
    if (p->looks)
        search_hardware_look(h, p);
}
static inline void search_hardware_end(struct search_hardware *h, const struct search_probe *p)
{
    if (p->looks)
        search_hardware_count(h, p);
}
