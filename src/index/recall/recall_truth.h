/* recall_truth.h -- the true nearest rows of the queries that a recall is measured with
 * (recall_queries.h), found by an exact scan. */
#pragma once

#include "index/recall/recall_curve.h"
#include "index/recall/recall_queries.h"

struct recall_truth {
    enum metric metric;
    uint32_t dim, rows;
    struct recall_queries of;
    /* bit a row that the graph has left out, for it was dead; NULL: there are none */
    uint64_t *absent;
    /* of query q from truth_at(q) on; sorted when the scan is done; owned, as the rest */
    struct hit *hits;
    uint32_t *found; /* of each */
    uint32_t *next;  /* of each piece: where its scan goes on */
};

/* Makes the queries, so many at most of rows. -ENOMEM. */
MUST_USE int recall_truth_init(struct recall_truth *t, const struct segment_index *x, uint32_t most,
                               const struct rows *vectors);
void recall_truth_fini(struct recall_truth *t);

/* The scan falls into pieces of some queries, which are independent. 0, or what the pause
 * returned: then the next call for that piece goes on. */
uint32_t recall_truth_pieces(const struct recall_truth *t);
MUST_USE int recall_truth_scan(struct recall_truth *t, uint32_t piece, const struct rows *vectors,
                               const struct pause *pause);

/* How many of the hits are among the k nearest of that query. A row as near as the k-th is one of
 * them; the row that the query is made of is none. At most k. */
uint32_t recall_truth_hits(const struct recall_truth *t, uint32_t query, uint32_t k, const struct hit *hits,
                           uint32_t count, const struct rows *vectors);
