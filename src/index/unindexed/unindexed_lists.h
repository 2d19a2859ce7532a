/* unindexed_lists.h -- inverted lists of unindexed rows. Each row is in the list of its nearest
 * centroid (IVF: Jegou, Douze & Schmid, TPAMI 2011). The list holds one bit for each dimension
 * of the rotated difference between row and centroid (RaBitQ: Gao & Long, SIGMOD 2024).
 *
 * Let P be the rotation, c the centroid of row x, r = P(x - c), u the signs of r as 0 or 1, v =
 * u - 1/2, m the mean of all rows, q the query, and s = P(q - c). Then
 *   <r, s>  is about  k (<v, P(q - m)> - <v, P(c - m)>),   k = |r|^2 / <r, v>
 *   L2 = |r|^2 + |q - c|^2 - 2 <r, s>          IP = <c, q> + <x - c, c> + <r, s>
 * So a distance is add + factor * <v, P(q - m)> + a number of the list; add and factor are two
 * numbers of each row.
 *
 * The error of <r, s> grows with |s|. Near lists have centroids near the query, so there |s| is
 * small. But under the inner product the best rows of many queries may be the same few, the
 * longest, far from any query. All queries would miss such a row if its 1-bit code errs. There s
 * = P(q - m) is used (by_mean):
 *   IP = <c, q> + <r, P(m)> + <r, s>
 *
 * Departures from the papers:
 * 1. The query is rotated about the mean of all rows, not about each centroid. So one table
 *    serves all lists, and is made once a query.
 * 2. Rows lie in blocks of 64, byte by byte side by side, so that shuffles look up all rows of a
 *    block at once (vek.h).
 * 3. The two numbers of a row are bf16, because a scan waits for memory. Their error is a
 *    fiftieth of that of the 1-bit code.
 * 4. There is no error bound for each row: for rotated rows it is nearly the same
 *    share of the factor.
 *
 * Always true: the rows of a list ascend. Every row of [from, to) is in exactly one list, except
 * copies (copies.h) and rows that a trim has dropped. */
#pragma once

#include "index/copies.h"
#include "index/scratch.h"
#include "vectors/codes/codes.h"

#include <stdalign.h>

#define LIST_BLOCK_ROWS 64
#define LISTS_MAX       1024
#define LIST_NEEDS      128

/* What a scan reads of each row comes first. The row numbers come last, because a
 * scan needs few of them. */
struct list_block {
    struct list_block *next;
    uint32_t count, first, last; /* number of rows, the first row, and the last */
    /* add and factor of each row, for vek.lookup_b1_64 */
    alignas(64) uint16_t numbers[2 * LIST_BLOCK_ROWS];
    uint8_t bytes[]; /* byte i of row r at 64 * i + r; behind these bytes, the number of each row */
};

struct unindexed_list {
    struct list_block *first, *last;
    uint32_t rows;
};

struct unindexed_lists {
    enum metric metric;
    uint32_t dim, dims; /* dimensions of a vector, and of a rotated one */
    uint32_t count;     /* of lists */
    uint32_t from, to;  /* the rows that were put in */
    uint32_t trained_rows;
    uint32_t largest;       /* rows in the largest list */
    uint32_t trim;          /* the next list to trim, */
    uint32_t trimmed;       /* in a pass over all lists that drops rows before this one */
    uint32_t freed;         /* blocks that trims have freed */
    struct codes centroids; /* SQ8, by L2 */
    /* the SQ8 codes cannot tell the centroids apart, so they are compared by `rotated` */
    bool by_values;
    /* the rows differ much in length, under the inner product: s = P(q - m), see above */
    bool by_mean;
    float *centre;               /* [dim]: m */
    float *rotated;              /* [count][dims]: P(c - m) */
    float *rotated_mean;         /* [dims]: P(m) */
    float *square, *on_mean;     /* [count]: |c|^2, <c - m, m> */
    float *from_mean;            /* [count]: |c - m| */
    struct unindexed_list *list; /* [count] */
    uint64_t *flips;
    /* [LIST_NEEDS]: ascending shares of the rows (unindexed_need.h); set when has_need is */
    float *need;
    bool has_need;
    uint64_t bytes; /* memory of these lists */
    /* buffers */
    float *turned, *rest;
    uint8_t *signs;
    void *folded;
    const void **at; /* [count]: address of the code of each centroid */
    uint32_t *ids;   /* [count]: 0, 1, 2 .. */
    float *distances;
};

static inline uint32_t *list_block_rows(const struct unindexed_lists *l, const struct list_block *b)
{
    return (uint32_t *)(uintptr_t)(b->bytes + (size_t)LIST_BLOCK_ROWS * l->dims / 8);
}

/* Creates untrained lists. The training fills centroids, centre, rotated, square and
 * on_mean. NULL: no memory. */
MUST_USE struct unindexed_lists *unindexed_lists_create(enum metric metric, uint32_t dim, uint32_t count);
void unindexed_lists_destroy(struct unindexed_lists *l);

/* Writes P(x - m) to ret, dims floats. */
void unindexed_lists_rotate(const struct unindexed_lists *l, const float *x, float *ret);
/* Computes what follows from the mean of all rows. To be called before unindexed_lists_set(). */
void unindexed_lists_set_mean(struct unindexed_lists *l);
/* Computes what follows from centroid c, whose vector is `centroid`. Its code is
 * row c of l->centroids. */
void unindexed_lists_set(struct unindexed_lists *l, uint32_t c, const float *centroid);
/* Finds the list for x. -ENOMEM. */
MUST_USE int unindexed_lists_nearest(struct unindexed_lists *l, const float *x, uint32_t *ret);
/* Sets l->distances to what the lists are ranked by in a search for `query`. -ENOMEM. */
MUST_USE int unindexed_lists_rank(struct unindexed_lists *l, const float *query);
/* The same with the query already rotated. room: codes_query_bytes(). */
void unindexed_lists_rank_rotated(const struct unindexed_lists *l, const float *query, const float *turned, void *room);
/* Puts row l->to, with vector x, into its list. -ENOMEM. */
MUST_USE int unindexed_lists_add(struct unindexed_lists *l, const float *x);
/* In the next few lists, frees blocks that hold only rows before `from`. Returns the
 * number of freed blocks. */
uint32_t unindexed_lists_trim(struct unindexed_lists *l, uint32_t from);

/* Bytes that a search of lists needs beside its prepared query for codes. */
size_t unindexed_query_bytes(const struct unindexed_lists *l);

struct unindexed_search {
    const struct unindexed_lists *lists;
    /* change at a pause when the lists or the codes are replaced; then the
     * search returns -EAGAIN */
    const uint32_t *version;
    const uint32_t *epoch;
    const float *query;              /* dim f32 */
    void *room;                      /* unindexed_query_bytes(), aligned to 64 */
    const struct codes_query *codes; /* scores rows that may be near */
    uint32_t from, to;               /* rows to search */
    uint32_t budget;                 /* about how many rows to look at; hard queries look at more */
    uint32_t least;                  /* look at so many in any case */
    /* the budget covers all rows; the search does not end early */
    bool all;
    /* A row is scored if it is near when its 1-bit distance is too large by so many deviations. */
    float sigmas;
    const uint64_t *allowed;
    /* copies of these rows: a row with an allowed copy below `visible` counts as allowed */
    const struct copies *copies;
    uint32_t visible;
    const struct pause *pause;
    struct search_scratch *scratch; /* its pool and batch arrays are used */
    struct topk *top;               /* receives the hits */
    uint32_t seen;                  /* out: rows looked at */
    uint32_t scored;                /* out: rows scored by their codes */
};
MUST_USE int unindexed_search(struct unindexed_search *s);
