/* recall_queries.h -- the queries that the recall of a segment is measured with.
 *
 * Most are made of rows of the segment, at even distances. Every other one is a row as it is.
 * The rest are moved rows:
 *
 *   one in four    a part of the way to a near row: between rows, and not at whole
 *                  numbers; codes that are exact for rows need not be for those
 *   one in eight   a smaller part of the way to any other row: in directions in which
 *                  the data vary, which change the order of rows most
 *   one in eight   by a tenth of its distance from the mean in a random direction: off
 *                  the surface on which the rows may lie, where walks get lost sooner
 *
 * Under the inner product, nearly parallel rows are all the same question. There one in eight is
 * the difference of a row from the mean, unless live queries say what clients ask.
 *
 * The other queries were lent (segment_index_lend_queries()). Some were sent by clients, and
 * need not resemble rows at all. The others are guesses of the caller; every other guess is
 * moved towards a row. Fewer than RECALL_QUERIES_MIN lent queries are left out, because
 * their mean says nothing. */
#pragma once

#include "index/recall/query_sample.h"
#include "index/segment_index.h"

struct recall_queries {
    uint32_t dim, count;
    /* the first so many, a quarter of each kind, are also asked for RECALL_K_MAX */
    uint32_t many;
    uint32_t *row;        /* the row that each query is made of; QUERY_LENT: none. Owned */
    const float **vector; /* of each query, in a row or in `moved`; owned */
    float *moved;         /* owned */
};
#define QUERY_LENT UINT32_MAX

#define RECALL_QUERIES_MIN 16 /* fewer rows, or fewer lent queries, are left out */

/* Makes at most `most` queries of rows, and copies lent ones. count is 0 when both
 * are too few. -ENOMEM. */
MUST_USE int recall_queries_init(struct recall_queries *q, const struct segment_index *x, uint32_t most,
                                 const struct rows *vectors);
void recall_queries_fini(struct recall_queries *q);
