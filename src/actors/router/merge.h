/* merge.h -- merges one sorted list from each reactor into one list of the k nearest. Pure;
 * memory comes from the caller's arena. */
#pragma once

#include "base/memory.h"
#include "shards/store.h"

struct merge_list {
    const struct point_hit *hits; /* nearest first; no id twice */
    uint32_t count;
};

/* Writes up to k hits to ret, nearest first. An id may be in several lists, when its old row
 * has not been deleted yet; its nearest hit stays. Equal distances are ordered by id, so that
 * the answer does not depend on the number of reactors. Uses the lists up. Returns the number
 * of hits, or -ENOMEM. */
MUST_USE int64_t merge_hits(struct merge_list *lists, unsigned n, uint32_t k, struct arena *scratch,
                            struct point_hit *ret);
