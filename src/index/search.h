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
    bool ends_early;        /* a walk may (early_end.h), */
    uint32_t early_least;   /* by no fewer candidates than this: the beam that finds each row by its own vector */
    bool leaders;           /* of leaders alone, whose copies are added (copies.h) */
    const uint32_t *hidden; /* hnsw_walk.hidden */
    uint32_t allowed;       /* rows below count that may be returned */
    uint32_t kept;          /* candidates that are scored again, or are hits already */
    uint32_t spare;         /* candidates are scored again as a multiple of what was measured; 0: 1 */
    double missed;          /* hits, about, that the code kept from being scored again; only asked with a filter */
    struct topk found;      /* by exact distances */
};

#define REFINE_MIN        16 /* candidates scored again at least */
#define SEARCH_EF_DEFAULT 64
/* Rows scanned by their codes in the time that a walk takes for each candidate it keeps, about. */
#define SCANNED_PER_EF 24

/* Searches as s says; the rest of it is the same as segment_index_search(). */
MUST_USE int search_run(struct search *s, struct hit *ret_hits);

/* Rows that are searched neither by the graph nor by lists, but scanned one by one. */
struct unseen {
    uint32_t from, to;                     /* until the graph ends, */
    uint32_t unindexed_from, unindexed_to; /* and behind what is in lists */
    uint32_t visible;                      /* rows below it may be hits here; the others are scanned by their vectors */
};

/* Does the filter leave enough rows for walks to end early? */
bool search_may_end_early(const struct search *s);
/* By how many candidates this walk does; 0: it expands all. */
uint32_t search_early_k(const struct search *s);
/* Candidates that a walk must keep so that the filter leaves enough of them; 0 when scanning the allowed rows is cheaper.
 * Growing with the root of the selectivity keeps the recall of a filter that has nothing to do with the query; the other
 * term keeps it for few allowed rows. */
uint32_t search_walk_ef(const struct search *s, uint32_t rows);
/* Walks with *ef, and adds the allowed candidates below limit to top. Where the rows near the query are not allowed, say as they
 * were deleted, the beam is widened, for recall must not depend on where the allowed rows lie. *ef becomes 0, and top is empty,
 * when the allowed rows are to be scanned instead. What hnsw_search() returned. */
MUST_USE int search_walk(const struct search *s, const struct hnsw_walk *walk, uint32_t limit, uint32_t visible,
                         uint32_t *ef, struct topk *top);
/* Candidates that are scored again. */
uint32_t search_refine_count(const struct search *s);
/* Is the row a hit, or one of its copies below `visible`? (search_copies.c) */
bool search_wants(const struct search *s, uint32_t row, uint32_t visible);
/* Do the candidates stand for k rows, or for all that are allowed? */
bool search_has_enough(const struct search *s, const struct unseen *u, const struct topk *top);
/* Adds the copies of what was found, and takes out what is not allowed itself. What the pause returned. */
MUST_USE int search_add_copies(struct search *s, const struct unseen *u);
/* By the vectors of all leaders, which copies.leader lists; no filter. -ENOMEM, or what the pause returned. */
MUST_USE int search_leaders(struct search *s);
/* Adds allowed rows that the graph of a sealed index left out, as they were dead then. What the pause returned. */
MUST_USE int search_scan_absent(const struct search *s, const struct codes_query *query, struct topk *top);
/* Adds rows of [u->from, u->to) that are not allowed, but lead allowed copies that no scan meets: lists
 * hold leaders only. -EAGAIN when the codes were swapped meanwhile, or what the pause returned. */
MUST_USE int search_scan_leaders(const struct search *s, const struct unseen *u, const struct codes_query *query,
                                 struct topk *top);
/* Everything that has a code: the graph and the unbuilt coded_end, as far as rows go that had a code and a place in the graph when the search
 * began. -EAGAIN when the codes or the lists were swapped meanwhile, -ENOMEM, or what the pause returned. */
MUST_USE int search_coded(struct search *s, uint32_t coded, uint32_t graphed);
