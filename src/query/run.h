/* run.h -- a filtered search of one segment: planned by what its index says each way costs, and
 * done as planned. Pure, as its folder: the caller has the clock. */
#pragma once

#include "query/filter.h"
#include "query/plan.h"
#include "query/run_room.h"

struct run {
    const struct filter *filter;
    struct filter_rows *rows;
    const struct segment_index *index;
    const struct rows *vectors;
    const float *query;
    struct search_params params; /* of a search without the filter; allowed_count is given */
    struct search_scratch *scratch;
    struct run_room *room;
    struct index_cost *cost; /* of the segment, on this core */
};

/* The cheapest plan, and that of a kind. */
struct plan run_plan(const struct run *r);
struct plan run_plan_of(const struct run *r, enum plan_kind kind);
/* Leaves up to k hits in room->hits, nearest first, and returns how many; negative: -ENOMEM, what
 * the pause returned, or *rows->failed. plan->kind becomes what was done: rows that were selected
 * may be far more or fewer than was expected. */
MUST_USE int run_filtered(const struct run *r, struct plan *plan);
