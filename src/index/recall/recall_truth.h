/* recall_truth.h -- the true nearest rows of the queries that a recall is measured with
 * (recall_queries.h), found by an exact scan. */
#pragma once

#include "index/recall/recall_curve.h"
#include "index/recall/recall_queries.h"

struct recall_truth {
    enum metric metric;
    uint32_t dim, rows;
    struct recall_queries of;
    /* a bit for each row that the graph has left out because it was dead; NULL: none */
    uint64_t *absent;
    /* those of query q begin at truth_at(q); sorted when the scan is done; owned, as the rest is */
    struct hit *hits;
    uint32_t *found; /* number of hits of each query */
    uint32_t *next;  /* for each piece: the row at which its scan goes on */
};

/* Makes the queries; at most `most` of them are made of rows. -ENOMEM. */
MUST_USE int recall_truth_init(struct recall_truth *t, const struct segment_index *x, uint32_t most,
                               const struct rows *vectors);
void recall_truth_fini(struct recall_truth *t);

/* The scan consists of pieces of some queries each, which are independent. recall_truth_scan()
 * returns 0, or what the pause returned; then the next call for that piece goes on. */
uint32_t recall_truth_pieces(const struct recall_truth *t);
MUST_USE int recall_truth_scan(struct recall_truth *t, uint32_t piece, const struct rows *vectors,
                               const struct pause *pause);

/* Counts the hits, at most k, that are among the k nearest of that query. A row as near as the
 * k-th nearest counts. The row that the query is made of does not. */
uint32_t recall_truth_hits(const struct recall_truth *t, uint32_t query, uint32_t k, const struct hit *hits,
                           uint32_t count, const struct rows *vectors);
