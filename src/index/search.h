/* search.h -- one search of a segment index, as far as its rows have codes. */
#pragma once

#include "index/segment_index_internal.h"

/* One search: fixed by the caller, and what it has found. */
struct search {
    const struct segment_index *x;
    const struct rows *vectors;
    const float *query;
    const struct search_params *params;
    struct search_scratch *scratch;
    uint32_t count, k, ef;
    /* the k that refine_k multiplies: k, or the least that a recall curve speaks of */
    uint32_t refined_k;
    bool scan;       /* all codes, though there is a graph */
    bool exact;      /* all vectors */
    bool ends_early; /* a walk may (early_end.h), */
    /* by no fewer candidates than this: the beam that finds each row by its own vector */
    uint32_t early_least;
    bool leaders;           /* of leaders alone, whose copies are added (copies.h) */
    const uint32_t *hidden; /* a row that the index passes over */
    uint32_t allowed;       /* rows below count that may be returned */
    uint32_t kept;          /* candidates that are scored again, or are hits already */
    /* candidates are scored again as a multiple of what was measured; 0: 1 */
    uint32_t spare;
    /* hits, about, that the code kept from being scored again; only asked with a filter */
    double missed;
    struct topk found; /* by exact distances */
};

#define REFINE_MIN        16 /* candidates scored again at least */
#define SEARCH_EF_DEFAULT 64

/* Chooses the effort of a search that is otherwise filled. */
void search_choose_effort(struct search *s);
/* What is asked of the index, which held `limit` rows when the search began; codes and top
 * are still to be set. */
struct index_query search_query(const struct search *s, uint32_t limit);
/* Searches as s says; the rest of it is the same as segment_index_search(). */
MUST_USE int search_run(struct search *s, struct hit *ret_hits);

/* Rows that are searched neither by the graph nor by lists, but scanned one by one. */
struct unseen {
    uint32_t from, to;                     /* until the graph ends, */
    uint32_t unindexed_from, unindexed_to; /* and behind what is in lists */
    /* rows below it may be hits here; the others are scanned by their vectors */
    uint32_t visible;
};

/* How many of the first `count` bits are set. */
uint32_t search_count_bits(const uint64_t *bits, uint32_t count);
/* Candidates that are scored again. */
uint32_t search_refine_count(const struct search *s);
/* Do the candidates stand for k rows, or for all that are allowed? */
bool search_has_enough(const struct search *s, const struct unseen *u, const struct topk *top);
/* Adds the copies of what was found, and takes out what is not allowed itself.
 * What the pause returned. */
MUST_USE int search_add_copies(struct search *s, const struct unseen *u);
/* By the vectors of all leaders, which copies.leader lists; no filter. -ENOMEM, or
 * what the pause returned. */
MUST_USE int search_leaders(struct search *s);
/* Adds allowed rows that the graph of a sealed index left out, as they were dead then.
 * What the pause returned. */
MUST_USE int search_scan_absent(const struct search *s, const struct codes_query *query, struct topk *top);
/* Adds rows of [u->from, u->to) that are not allowed, but lead allowed copies that no
 * scan meets: lists hold leaders only. -EAGAIN when the codes were swapped meanwhile, or
 * what the pause returned. */
MUST_USE int search_scan_leaders(const struct search *s, const struct unseen *u, const struct codes_query *query,
                                 struct topk *top);
/* Everything that has a code: the graph and the unbuilt coded_end, as far as rows go that had a
 * code and a place in the graph when the search began. -EAGAIN when the codes or the lists were
 * swapped meanwhile, -ENOMEM, or what the pause returned. */
MUST_USE int search_coded(struct search *s, uint32_t coded, uint32_t graphed);
