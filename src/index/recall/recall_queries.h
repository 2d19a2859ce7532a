/* recall_queries.h -- the queries that the recall of a segment is measured with.
 *
 * Most are made of rows of the segment, at even distances. Every other one of these is a row as it
 * is. The rest are rows that are moved:
 *
 *   one in four    a part of the way to a row that it links to: between rows, and off the grid
 *                  that whole numbers lie on; codes that are exact for rows need not be for those
 *   one in eight   a smaller part of the way to any other row: along directions in which the data
 *                  vary, which change the order of rows more than others do
 *   one in eight   by a tenth of its distance from the mean in a random direction: off the surface
 *                  that the rows may lie on, where walks lose their way sooner
 *
 * Under the inner product, nearly parallel rows all ask the same question. There one in eight is
 * what sets the row apart from the mean, in place of a row between rows, unless it is known what
 * clients ask.
 *
 * The other queries were lent (segment_index_lend_queries()): what clients asked, which need not
 * resemble rows at all, or guesses of the caller, of which every other one is moved towards a row.
 * Fewer than RECALL_QUERIES_MIN are left out: their mean says nothing. */
#pragma once

#include "index/recall/query_sample.h"
#include "index/segment_index.h"

struct recall_queries {
    uint32_t dim, count;
    /* the first so many, a quarter of each kind, are also asked for RECALL_K_MAX */
    uint32_t many;
    uint32_t *row;        /* of each: the row that it is made of; QUERY_LENT: of none. Owned */
    const float **vector; /* of each: in a row, or in `moved`; owned */
    float *moved;         /* owned */
};
#define QUERY_LENT UINT32_MAX

#define RECALL_QUERIES_MIN 16 /* fewer rows, or fewer lent ones, say nothing */

/* Makes so many at most of rows, and copies what is lent; count is 0 when both are too few.
 * -ENOMEM. */
MUST_USE int recall_queries_init(struct recall_queries *q, const struct segment_index *x, uint32_t most,
                                 const struct rows *vectors);
void recall_queries_fini(struct recall_queries *q);
