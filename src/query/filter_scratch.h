/* filter_scratch.h -- the memory that filtered searches work in, kept from search to search. It is
 * apart from filtered_search.h, because the store only owns it. */
#pragma once

#include "base/check.h"
#include <stdint.h>

struct hit;

/* Zero-initialised is valid. */
struct filter_scratch {
    struct hit *hits;
    uint64_t *passing; /* a bit a row */
    uint32_t hits_max, passing_max;
};
void filter_scratch_fini(struct filter_scratch *scratch);
uint64_t filter_scratch_bytes(const struct filter_scratch *scratch);
/* Makes room for so many hits. -ENOMEM. */
MUST_USE int filter_scratch_hits(struct filter_scratch *scratch, uint32_t hits);
