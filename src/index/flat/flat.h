/* flat.h -- scans: every row, or those of a bit set, by vectors (exact) or by codes. */
#pragma once

#include "index/scratch.h"
#include "vectors/codes/codes.h"

struct scan {
    uint32_t from, to;       /* rows */
    const uint64_t *allowed; /* a bit for each row; NULL: all */
    const struct pause *pause;
    struct search_scratch *scratch;
    struct topk *top; /* receives the hits */
};

/* Scans vectors. 0, or what the pause returned. */
MUST_USE int flat_scan(const struct scan *s, enum metric metric, uint32_t dim, const struct rows *vectors,
                       const float *query);
/* Scans codes. As flat_scan(); and -EAGAIN when *epoch changed at a pause, because the
 * codes were replaced. */
MUST_USE int flat_scan_codes(const struct scan *s, const struct codes_query *query, const uint32_t *epoch);
