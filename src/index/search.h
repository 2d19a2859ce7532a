/* search.h -- one search of a segment index, as far as its rows have codes. */
#pragma once

#include "index/segment_index_impl.h"

/* One search: fixed by the caller, and what it has found. */
struct search {
    const struct segment_index *x;
    const struct rows *vectors;
    const float *query;
    const struct search_params *params;
    struct search_scratch *scratch;
    uint32_t count, k, ef;
    uint32_t refined_k;     /* the k that refine_k multiplies: k, or the least that a recall curve speaks of */
    bool scan;              /* all codes, though there is a graph */
    bool exact;             /* all vectors */
    const uint32_t *hidden; /* hnsw_walk.hidden */
    uint32_t allowed;       /* rows below count that may be returned */
    struct topk found;      /* by exact distances */
};

#define SEARCH_EF_DEFAULT 64

/* Searches as s says; the rest of it is the same as segment_index_search(). */
MUST_USE int search_run(struct search *s, struct hit *ret_hits);

/* Candidates that are scored again. */
uint32_t search_refine_count(const struct search *s);
/* Everything that has a code: the graph and the unbuilt tail, as far as rows go that had a code and a place in the graph when the search
 * began. -EAGAIN when the codes or the lists were swapped meanwhile, -ENOMEM, or what the pause returned. */
MUST_USE int search_coded(struct search *s, uint32_t coded, uint32_t graphed);
