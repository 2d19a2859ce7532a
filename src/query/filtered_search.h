/* filtered_search.h -- a search of one segment with a filter. The index says what each plan costs,
 * the cheapest plan is chosen and carried out. Pure computation: the caller has the clock. */
#pragma once

#include "query/filter.h"
#include "query/filter_scratch.h"
#include "query/plan.h"

struct filtered_search {
    const struct filter *filter;
    struct filter_rows *rows;
    const struct segment_index *index;
    const struct rows *vectors;
    const float *query;
    struct search_params params; /* as without the filter; allowed_count is set */
    struct search_scratch *scratch;
    struct filter_scratch *filter_scratch;
    struct index_cost *cost; /* of the segment, on this core; is updated */
};

/* Returns the cheapest plan. */
struct plan filtered_search_plan(const struct filtered_search *s);
/* Returns the plan of that kind. */
struct plan filtered_search_plan_of(const struct filtered_search *s, enum plan_kind kind);
/* Leaves up to k hits in filter_scratch->hits, nearest first, and returns how many; negative:
 * -ENOMEM, what the pause returned, or *rows->failed. plan->kind becomes the plan that was carried
 * out, because the number of rows that pass may be far from the estimate. */
MUST_USE int filtered_search_run(const struct filtered_search *s, struct plan *plan);
