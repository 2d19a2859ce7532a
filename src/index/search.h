/* search.h -- internal: one search of a segment index. */
#pragma once

#include "index/segment_index_internal.h"

/* A search: what the caller asked for, and what was chosen and found. */
struct search {
    const struct segment_index *x;
    const struct rows *vectors;
    const float *query;
    const struct search_params *params;
    struct search_scratch *scratch;
    uint32_t count, k, ef;
    /* the k that refine_k multiplies: k, or the least k that a recall curve has */
    uint32_t refined_k;
    bool scan;       /* scan all codes, although there is a graph */
    bool exact;      /* scan all vectors */
    bool ends_early; /* the walk may end early (early_end.h), */
    /* but keeps at least so many candidates: the beam that finds each row by its own vector */
    uint32_t early_least;
    bool leaders;           /* scan only the vectors of leaders, and add their copies (copies.h) */
    const uint32_t *hidden; /* a row that the index ignores */
    uint32_t allowed;       /* how many rows below count may be returned */
    uint32_t kept;          /* how many candidates are scored again, or are the hits */
    /* times the usual number of candidates that are scored again; 0: 1 */
    uint32_t spare;
    /* about how many hits were not scored again because of errors of the code;
     * set only with a filter */
    double missed;
    struct topk found; /* hits with exact distances */
};

#define REFINE_MIN        16 /* candidates that are scored again at least */
#define SEARCH_EF_DEFAULT 64

/* Chooses the effort of a search whose other members are filled. */
void search_choose_effort(struct search *s);
/* The question to an index that held `limit` rows when the search began. The
 * caller sets codes and top. */
struct index_query search_query(const struct search *s, uint32_t limit);
/* Runs the search s. Returns as segment_index_search(). */
MUST_USE int search_run(struct search *s, struct hit *ret_hits);

/* What this search asks its index kind for, and what comes of it: 0, its rows are scanned. */
uint32_t search_walk_effort(const struct search *s, const struct index_query *q);
/* Candidates that codes are to find. *ret_last: they are hits, and nothing scores them again. */
uint32_t search_candidates(const struct search *s, bool exact_codes, bool walks, bool *ret_last);

/* -- cost/search_work.c: what this search does, added to params->work if that is wanted -- */

/* By the vectors from a row on. */
void search_work_vectors(const struct search *s, uint32_t from);
/* By the codes of these rows. */
void search_work_codes(const struct search *s, uint32_t from, uint32_t to);
/* By the index kind alone. */
void search_work_kind(const struct search *s, const struct index_query *q);
/* Rows with codes, of which `again` candidates are scored again. */
void search_work_coded(const struct search *s, const struct index_query *q, bool walks, uint32_t coded, uint32_t again);

/* Rows that neither the graph nor the lists search, so that they are scanned one by one. */
struct unseen {
    /* rows that the graph does not search, up to those in lists */
    uint32_t from, to;
    uint32_t unindexed_from, unindexed_to; /* rows with a code behind those in lists */
    /* rows below it may be hits here; later ones are scanned by their vectors */
    uint32_t visible;
};

/* How many of the first `count` bits are set. */
uint32_t search_count_bits(const uint64_t *bits, uint32_t count);
/* The number of candidates that are scored again. */
uint32_t search_refine_count(const struct search *s);
/* Whether the candidates stand for k hits, or for all allowed rows. */
bool search_has_enough(const struct search *s, const struct unseen *u, const struct topk *top);
/* Adds the copies of the rows that were found, and removes rows that are not allowed. 0, or
 * what the pause returned. */
MUST_USE int search_add_copies(struct search *s, const struct unseen *u);
/* Scans the vectors of all leaders, which copies.leader lists. Not with a filter. -ENOMEM, or
 * what the pause returned. */
MUST_USE int search_leaders(struct search *s);
/* Adds allowed rows that the graph of a sealed index left out, because they were dead when it
 * was built. 0, or what the pause returned. */
MUST_USE int search_scan_absent(const struct search *s, const struct codes_query *query, struct topk *top);
/* Adds leaders in [u->from, u->to) that are not allowed, but have allowed copies that no
 * scan meets. Lists hold only leaders. -EAGAIN when the codes were replaced meanwhile, or
 * what the pause returned. */
MUST_USE int search_scan_leaders(const struct search *s, const struct unseen *u, const struct codes_query *query,
                                 struct topk *top);
/* Searches all rows that had a code when the search began (`coded` rows), of which the graph
 * held `graphed`. -EAGAIN when the codes or the lists were replaced meanwhile, -ENOMEM, or
 * what the pause returned. */
MUST_USE int search_coded(struct search *s, uint32_t coded, uint32_t graphed);
