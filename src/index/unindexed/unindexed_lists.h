/* unindexed_lists.h -- inverted lists of unindexed rows: each row in the list of its nearest
 * centroid (IVF: Jegou, Douze & Schmid, TPAMI 2011), as one bit a dimension of its difference from
 * the centroid, rotated (RaBitQ: Gao & Long, SIGMOD 2024).
 *
 * With r = P(x - c), c the row's centroid, u its signs as 0 or 1, v = u - 1/2, m the mean of all
 * and s = P(q - c),
 *     <r, s>  is about  k (<v, P(q - m)> - <v, P(c - m)>),      k = |r|^2 / <r, v>
 *     L2 = |r|^2 + |q - c|^2 - 2 <r, s>          IP = <c, q> + <x - c, c> + <r, s>
 * so a distance is add + factor * <v, P(q - m)> + what the list adds: two numbers a row.
 *
 * The error of <r, s> grows with |s|. Near lists have centroids near the query. But under the inner
 * product the best rows of many queries are the same few, the longest, far from any query. All
 * queries would miss those of them whose 1-bit code errs. There s = P(q - m) takes its place:
 *     IP = <c, q> + <r, P(m)> + <r, s>
 *
 * Departures from the papers:
 *  1. The query is rotated about the mean of all rows, not about each centroid: one table for all
 *     lists, made once a query.
 *  2. Rows lie in blocks of 64, byte by byte side by side, so that shuffles look up all of a block
 *     at once (vek.h).
 *  3. The two numbers of a row are bf16, because a scan waits for memory. Their error is a fiftieth
 *     of that of one bit a dimension.
 *  4. A row's own bound of its error is left out: of rotated rows it is nearly the same share of
 *     the factor.
 *
 * Always true: the rows of a list ascend. Every row of [from, to) is in exactly one list, but for
 * copies (copies.h) and those that a trim has dropped. */
#pragma once

#include "index/copies.h"
#include "index/scratch.h"
#include "vectors/codes/codes.h"

#include <stdalign.h>

#define LIST_BLOCK_ROWS 64
#define LISTS_MAX       1024
#define LIST_NEEDS      128

/* What a scan reads of each row comes first; which rows they are is asked of few. */
struct list_block {
    struct list_block *next;
    uint32_t count, first, last; /* rows, and the ends of them */
    /* add and factor of each row, for vek.lookup_b1_64 */
    alignas(64) uint16_t numbers[2 * LIST_BLOCK_ROWS];
    uint8_t bytes[]; /* byte i of row r at 64 * i + r; behind them which row each is */
};

struct unindexed_list {
    struct list_block *first, *last;
    uint32_t rows;
};

struct unindexed_lists {
    enum metric metric;
    uint32_t dim, dims; /* of a vector, and rotated */
    uint32_t count;     /* of lists */
    uint32_t from, to;  /* rows that were put in */
    uint32_t trained_rows;
    uint32_t largest;       /* rows of the largest list */
    uint32_t trim;          /* the next list to be looked at, */
    uint32_t trimmed;       /* in a round that drops rows before this one */
    uint32_t freed;         /* blocks, by all of these */
    struct codes centroids; /* SQ8, by L2 */
    /* these codes cannot tell them apart: they are compared by `rotated` */
    bool by_values;
    /* of rows of very different length, under the inner product: see below */
    bool by_mean;
    float *centre;               /* [dim]: m */
    float *rotated;              /* [count][dims]: P(c - m) */
    float *rotated_mean;         /* [dims]: P(m) */
    float *square, *on_mean;     /* [count]: |c|^2, <c - m, m> */
    float *from_mean;            /* [count]: |c - m| */
    struct unindexed_list *list; /* [count] */
    uint64_t *flips;
    /* [LIST_NEEDS]: ascending shares of the rows (unindexed_need.h), once they are measured */
    float *need;
    bool has_need;
    uint64_t bytes; /* of all this */
    /* room to work in */
    float *turned, *rest;
    uint8_t *signs;
    void *folded;
    const void **at; /* [count]: where each centroid's code lies */
    uint32_t *ids;   /* [count]: 0, 1, 2 .. */
    float *distances;
};

static inline uint32_t *list_block_rows(const struct unindexed_lists *l, const struct list_block *b)
{
    return (uint32_t *)(uintptr_t)(b->bytes + (size_t)LIST_BLOCK_ROWS * l->dims / 8);
}

/* Untrained lists; the training fills centroids, centre, rotated, square and on_mean. NULL
 * when there is no memory. */
MUST_USE struct unindexed_lists *unindexed_lists_create(enum metric metric, uint32_t dim, uint32_t count);
void unindexed_lists_destroy(struct unindexed_lists *l);

/* P(x - m); room: dims floats. */
void unindexed_lists_rotate(const struct unindexed_lists *l, const float *x, float *ret);
/* What follows from the mean of all, before any centroid. */
void unindexed_lists_set_mean(struct unindexed_lists *l);
/* What follows from centroid c, whose vector this is; centroids have it as row c. */
void unindexed_lists_set(struct unindexed_lists *l, uint32_t c, const float *centroid);
/* The list for x. -ENOMEM. */
MUST_USE int unindexed_lists_nearest(struct unindexed_lists *l, const float *x, uint32_t *ret);
/* Makes l->distances what the lists are ranked by for a search with that query. -ENOMEM. */
MUST_USE int unindexed_lists_rank(struct unindexed_lists *l, const float *query);
/* The same with the query rotated, and with room of codes_query_bytes(). */
void unindexed_lists_rank_rotated(const struct unindexed_lists *l, const float *query, const float *turned, void *room);
/* Row l->to. -ENOMEM. */
MUST_USE int unindexed_lists_add(struct unindexed_lists *l, const float *x);
/* Frees what only holds rows before `from` in the next few lists; returns how many blocks. */
uint32_t unindexed_lists_trim(struct unindexed_lists *l, uint32_t from);

/* What a search needs beside the codes. */
size_t unindexed_query_bytes(const struct unindexed_lists *l);

struct unindexed_search {
    const struct unindexed_lists *lists;
    /* other lists, or other codes, when these change at a pause: then -EAGAIN */
    const uint32_t *version;
    const uint32_t *epoch;
    const float *query;              /* dim f32 */
    void *room;                      /* unindexed_query_bytes(), aligned to 64 */
    const struct codes_query *codes; /* what rows that may be near are scored by */
    uint32_t from, to;               /* rows */
    uint32_t budget;                 /* rows looked at, about; hard queries take more */
    uint32_t least;                  /* of these in any case */
    /* that is all there are: none is left out for want of patience */
    bool all;
    /* how far beyond its error by a 1-bit code a row may yet be near */
    float sigmas;
    const uint64_t *allowed;
    /* of the rows: one that has a copy below `visible` which is allowed counts as allowed */
    const struct copies *copies;
    uint32_t visible;
    const struct pause *pause;
    struct search_scratch *scratch; /* its pool and batch arrays are used */
    struct topk *top;               /* hits are added here */
    uint32_t seen;                  /* out: rows looked at */
    uint32_t scored;                /* out: and scored by codes */
};
MUST_USE int unindexed_search(struct unindexed_search *s);
