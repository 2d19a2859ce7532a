/* merge.h -- one list of the k nearest out of one sorted list from each reactor. Pure; memory
 * from the caller's arena. */
#pragma once

#include "base/memory.h"
#include "shards/store.h"

struct merge_list {
    const struct point_hit *hits; /* nearest first, no id twice */
    uint32_t count;
};

/* Writes up to k hits to ret, nearest first; of an id that is in several lists (its old row is
 * deleted a moment later) the nearest stays. Equal distances are ordered by id, so that the
 * answer does not depend on the number of reactors. Spends the lists. Returns the number
 * written, or -ENOMEM. */
MUST_USE int64_t merge_hits(struct merge_list *lists, unsigned n, uint32_t k, struct arena *scratch,
                            struct point_hit *ret);
