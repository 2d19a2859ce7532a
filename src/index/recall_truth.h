/* recall_truth.h -- queries made of rows of a segment, and their true nearest rows, found by an exact scan.
 *
 * Every other query is a row as it is. Of the others, half are rows moved a part of the way to one that they link to: between rows, and off
 * the grid that whole numbers lie on; codes that are exact for rows need not be for those. The rest are rows moved by a tenth of their
 * distance from the mean in a random direction: off the surface that the rows may lie on, where walks lose their way sooner. */
#pragma once

#include "index/recall_curve.h"
#include "index/segment_index.h"

struct recall_truth {
    enum metric metric;
    uint32_t dim, rows;
    uint32_t count;   /* queries */
    uint32_t *row;    /* of each: the row that it is made of, spread over the segment; owned, as the rest */
    float *moved;     /* of every other: its vector */
    uint64_t *absent; /* bit a row that the graph has left out, for it was dead; NULL: there are none */
    struct hit *hits; /* of query q from truth_at(q) on; sorted when the scan is done */
    uint32_t *found;  /* of each */
    uint32_t *next;   /* of each piece: where its scan goes on */
};

/* Makes the queries, so many at most. -ENOMEM. */
MUST_USE int recall_truth_init(struct recall_truth *t, const struct segment_index *x, uint32_t most,
                               const struct rows *vectors);
void recall_truth_fini(struct recall_truth *t);
const float *recall_truth_query(const struct recall_truth *t, uint32_t query, const struct rows *vectors);

/* The first so many queries have RECALL_K_MAX neighbours, the others RECALL_K_MIN. */
uint32_t recall_truth_many(const struct recall_truth *t);
/* The scan falls into pieces of some queries, which are independent. 0, or what the pause returned: then the next call for that
 * piece goes on. */
uint32_t recall_truth_pieces(const struct recall_truth *t);
MUST_USE int recall_truth_scan(struct recall_truth *t, uint32_t piece, const struct rows *vectors,
                               const struct pause *pause);

/* How many of the hits are among the k nearest of that query. A row as near as the k-th is one of them; the row that the query is
 * made of is none. At most k. */
uint32_t recall_truth_hits(const struct recall_truth *t, uint32_t query, uint32_t k, const struct hit *hits,
                           uint32_t count, const struct rows *vectors);
