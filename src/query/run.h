/* run.h -- a filtered search of one segment: plans it by the costs that its index gives, and does
 * it as planned. No I/O and no clock: the caller measures times. */
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
    struct search_params params; /* for a search without the filter; allowed_count is set */
    struct search_scratch *scratch;
    struct run_room *room;
    struct index_cost *cost; /* costs learned on this core for the segment */
};

/* The cheapest plan, and the plan of one kind. */
struct plan run_plan(const struct run *r);
struct plan run_plan_of(const struct run *r, enum plan_kind kind);
/* Writes up to k hits to room->hits, nearest first, and returns how many. Negative: -ENOMEM, what
 * the pause returned, or *rows->failed. Sets plan->kind to what was done, which differs from the
 * plan if far more or far fewer rows pass than expected. */
MUST_USE int run_filtered(const struct run *r, struct plan *plan);
