/* recall_measure.h -- measuring the recall curve (recall_curve.h) of an index that is being
 * finished.
 *
 * Most queries are made of rows of the segment (recall_queries.h), each left out of the graph for
 * its own search: its bit is set in the visited set, so no walk meets it, expands it or returns
 * it. So they are as hard as queries that come from where the rows came from; a row that is
 * searched for where it is linked would be found too easily. The truth is an exact scan of all
 * vectors.
 *
 * The others were lent: a sample of what clients asked. Both kinds are judged apart, and a rung
 * says the lower recall and the lower floor. A common mean would not do: of 32 queries that lie
 * apart from the rows and 96 rows, it hides three quarters of what the former miss. A floor is
 * three standard errors below the mean of rows, as rows are a guess at what is asked; and two
 * below that of lent queries, which are what is asked, but so few that a third would cost more
 * than it tells. So where both are equally hard, lent queries hardly raise the effort; where they
 * are harder, it is theirs.
 *
 * The cost is bounded by the number of queries, which falls with the dimensions: 2 to 4 % of the
 * CPU time of building the graph, and up to two thirds more with lent queries
 * (docs/performance.md). The work goes out in shares (workers.h), pauses, and is the same on any
 * number of cores. */
#pragma once

#include "base/workers.h"
#include "index/recall/recall_curve.h"
#include "index/segment_index.h"

/* segments with fewer rows have no curve: they are scanned by their vectors */
#define RECALL_ROWS_MIN    256
#define RECALL_GROWING_MIN 512 /* a graph that grows and has fewer rows is not walked */

/* Measures as finish() leaves x, and sets x->curve. finish() has made everything else. -ENOMEM, or
 * what the pause returned: then another call continues. */
MUST_USE int recall_measure(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                            const struct pause *pause);
/* Measures a graph that grows, when it has half as many rows more than at the last time, or twice
 * as many queries are lent, and sets x->growing: with fewer queries, and from the ef on that is
 * searched with in any case. -ENOMEM, or what the pause returned: another call begins again. */
MUST_USE int recall_measure_growing(struct segment_index *x, const struct rows *vectors, const struct pause *pause);
/* The rows that the graph has when it is measured next, for their number. */
uint32_t recall_growing_due(const struct segment_index *x);
/* What an unfinished measurement holds; NULL is allowed. */
struct recall_measuring;
void recall_measuring_destroy(struct recall_measuring *m);
