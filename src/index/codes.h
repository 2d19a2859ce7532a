/* codes.h -- coded rows, whatever the code: what walks and scans score.
 *
 * Rows are written to codes of one kind; a query is folded once into the form that its kind scores fastest; codes_score()
 * then gives the distances of a whole hop for one indirect call. Building works on SQ8 alone, row against row (sq8.h). */
#pragma once

#include "index/column.h"
#include "index/index_options.h"
#include "index/sq8.h"

struct codes {
    enum code_kind kind;
    uint32_t stride; /* bytes from one code to the next */
    struct column rows;
    struct column norms; /* what a distance needs beside the code; empty when that is nothing */
    uint32_t count;
    uint32_t trained_rows; /* rows there were when it was trained */
    uint32_t misfits;      /* rows that a code does not describe: clipped, or not whole where lossless */
    struct sq8 sq8;        /* CODE_SQ8 */
};

/* Untrained codes of that kind; sq8_train() makes them ready. */
MUST_USE int codes_init(struct codes *c, enum metric metric, uint32_t dim);
void codes_fini(struct codes *c);
uint64_t codes_bytes(const struct codes *c); /* memory owned */
/* Encodes x as row c->count and counts it. -ENOMEM. */
MUST_USE int codes_append(struct codes *c, const float *x);

static inline const void *codes_at(const struct codes *c, uint32_t row)
{
    return rows_at(&c->rows.rows, row);
}

/* A query folded for codes of one kind. */
struct codes_query {
    const struct codes *codes;
    void (*score)(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                  float *ret);
    bool exact; /* the distances are those of the vectors: nothing is to be scored again */
    struct sq8_query sq8;
};

/* Room a folded query takes, of any alignment to 64. */
static inline size_t codes_query_bytes(const struct codes *c)
{
    return c->stride;
}

/* Folds a vector, or a row of the codes. room: codes_query_bytes(), lent until the query is no longer used. */
void codes_query_init(struct codes_query *q, const struct codes *c, const float *x, void *room);
void codes_query_of_row(struct codes_query *q, const struct codes *c, uint32_t row, void *room);

/* Distances of up to HOP_MAX rows, whose codes lie at rows[]; smaller is nearer. */
static inline void codes_score(const struct codes_query *q, const void *const *rows, const uint32_t *ids,
                               uint32_t count, float *ret)
{
    q->score(q, rows, ids, count, ret);
}

/* The same for rows that need no prefetch; rows: scratch for `count` pointers. */
void codes_distances(const struct codes_query *q, const uint32_t *ids, uint32_t count, const void **rows, float *ret);

static inline const void *codes_norm_at(const struct codes *c, uint32_t row)
{
    return rows_at(&c->norms.rows, row);
}

/* SQ8 under L2: |x - c|^2 of a row. */
static inline union norm codes_norm(const struct codes *c, uint32_t row)
{
    return c->sq8.metric == METRIC_L2 ? *(const union norm *)codes_norm_at(c, row) : (union norm){0};
}
