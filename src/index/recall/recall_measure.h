/* recall_measure.h -- measures the recall curve (recall_curve.h) of an index
 * that is being finished.
 *
 * Most queries are made of rows of the segment (recall_queries.h). Each such row is left out of
 * the graph for its own search: its bit in the visited set is set before, so no walk meets,
 * expands or returns it. So such queries are as hard as others from the same source. A row that
 * stays in the graph would be found too easily. The truth is an exact scan of all vectors.
 *
 * Other queries were lent: a sample of what clients asked. The two kinds are judged apart, and a
 * rung has the lower recall and the lower floor of the two. A common mean would hide
 * differences: with 32 queries far from the rows and 96 rows, it hides three quarters of what
 * the 32 miss. The floor is three standard errors below the mean for rows, which only guess what
 * clients ask. For lent queries it is two, because there are few of them, and a third would cost
 * more than it tells. So lent queries hardly raise the effort where both kinds are equally hard,
 * and decide it where they are harder.
 *
 * The number of queries bounds the cost; it falls with the dimensions. It is 2 to 4 % of the
 * CPU time of building the graph, and up to two thirds more with lent queries
 * (docs/performance.md). The work is done in shares (workers.h), pauses, and gives the same
 * result on any number of cores. */
#pragma once

#include "base/workers.h"
#include "index/recall/recall_curve.h"
#include "index/segment_index.h"

/* segments with fewer rows have no curve; their vectors are scanned */
#define RECALL_ROWS_MIN    256
#define RECALL_GROWING_MIN 512 /* a growing graph with fewer rows is not walked */

/* Measures the index that finish() has made, and sets x->curve. -ENOMEM, or what the pause
 * returned; then another call goes on. */
MUST_USE int recall_measure(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                            const struct pause *pause);
/* Measures a growing graph and sets x->growing, when it has half as many rows more than at the
 * last time, or twice as many queries are lent. It uses fewer queries, and begins at the ef that
 * searches use in any case. -ENOMEM, or what the pause returned; then another call begins again. */
MUST_USE int recall_measure_growing(struct segment_index *x, const struct rows *vectors, const struct pause *pause);
/* The number of rows at which the growing graph is measured next. */
uint32_t recall_growing_due(const struct segment_index *x);
/* Frees an unfinished measurement; NULL is allowed. */
struct recall_measuring;
void recall_measuring_destroy(struct recall_measuring *m);
