/* codes.h -- coded rows, whatever the code: what walks and scans score, and what the best
 * are scored again by.
 *
 * Rows are written to codes of one kind; a query is folded once into the form that its kind scores
 * fastest; codes_score() then gives the distances of a whole hop for one indirect call. Building
 * compares rows with rows, which some kinds can (code_ops.h). README.md lists the kinds. */
#pragma once

#include "base/workers.h"
#include "vectors/codes/code_ops.h"
#include "vectors/codes/codes_sample.h"
#include "vectors/row_array.h"
#include "vectors/vectors.h"

struct codes {
    const struct code_ops *ops; /* what the kind does; NULL before codes_init() */
    void *state;                /* what training finds: the kind's own */
    enum code_kind kind;
    unsigned bits; /* a dimension, where they were asked for; else 0 */
    enum metric metric;
    uint32_t dim;
    uint32_t stride;     /* bytes from one code to the next */
    uint32_t norm_bytes; /* beside each code; 0: nothing */
    struct row_array rows;
    /* what a distance needs beside the code; without chunks when that is nothing */
    struct row_array norms;
    uint32_t count;
    uint32_t trained_rows; /* rows there were when it was trained */
    uint64_t filled;       /* pieces behind count that codes_fill() has written already */
    /* rows that a code does not describe: clipped, or not whole where lossless */
    uint32_t clipped;
    /* these rows, ascending, when they are few: searches score them by their vectors; owned */
    uint32_t *outliers;
    uint32_t outlier_count;
    void *work; /* that codes_append() encodes in; owned */
};

/* Rows that a list of outliers holds at most; scoring all of them takes a search some 20 us. */
#define OUTLIERS_MAX 1024

/* Untrained codes of that kind. -ENOMEM; -EINVAL: there is no such kind, or not of so many bits. */
MUST_USE int codes_init(struct codes *c, struct code_type type, enum metric metric, uint32_t dim);
void codes_fini(struct codes *c);
/* What codes are made ready by: rows like those that they will hold. */
struct codes_training {
    const struct codes_sample *sample; /* of them */
    const struct rows *vectors;
    uint32_t count;
    const struct workers *workers; /* helps; NULL: nobody */
    const struct pause *pause;
};
/* 0, -ENOMEM, or what the pause returned: then they are still untrained, and another call goes
 * on. */
MUST_USE int codes_train(struct codes *c, const struct codes_training *t);
uint64_t codes_bytes(const struct codes *c); /* memory owned */
/* The same of so many rows, before there are any. */
uint64_t codes_bytes_of(struct code_type type, enum metric metric, uint32_t dim, uint32_t rows);
/* Encodes x as row c->count and counts it. -ENOMEM. A row that the code does not describe becomes
 * an outlier, as long as the list has room: ask codes_is_full() before. */
MUST_USE int codes_append(struct codes *c, const float *x);
/* The same for the rows of vectors from c->count to count, with the help of workers. -ENOMEM, or
 * what the pause returned: then another call goes on, and nothing may be appended before. */
MUST_USE int codes_fill(struct codes *c, const struct rows *vectors, uint32_t count, const struct workers *workers,
                        const struct pause *pause);

static inline bool codes_is_full(const struct codes *c)
{
    return c->outlier_count == OUTLIERS_MAX;
}
/* Outliers that codes of so many rows may have and still be said to describe them. */
static inline uint32_t codes_outliers_allowed(uint32_t rows)
{
    const uint32_t allowed = 32 + rows / 4096;
    return allowed < OUTLIERS_MAX / 4 ? allowed : OUTLIERS_MAX / 4;
}
bool codes_is_outlier(const struct codes *c, uint32_t row);
/* A row that its code describes, but that searches by codes miss, becomes an outlier as long as the
 * list has room. -ENOMEM. */
MUST_USE int codes_add_outlier(struct codes *c, uint32_t row);
/* Takes a list over from a file; 0, -ENOMEM, or -EINVAL when it is not one of c's rows,
 * ascending. */
MUST_USE int codes_set_outliers(struct codes *c, const uint32_t *rows, uint32_t count);

/* No distance by these codes differs from that of the vectors, but for outliers. */
bool codes_are_lossless(const struct codes *c);
/* They are the values themselves. */
static inline bool codes_are_values(const struct codes *c)
{
    return c->ops->features & CODE_VALUES;
}

/* What training found, as f32 values to be written to a file and read again. open() says what is
 * wrong with them, or NULL. */
uint32_t codes_params_count(const struct codes *c);
void codes_params_write(const struct codes *c, float *params);
const char *codes_params_open(struct codes *c, const float *params);

static inline const void *codes_at(const struct codes *c, uint32_t row)
{
    return rows_at(&c->rows.rows, row);
}

/* The rows of an array lent by someone else, to be scored as they are. */
struct codes codes_of_vectors(const struct rows *vectors, enum metric metric, uint32_t dim);

/* A number of a kind's own. */
union code_number {
    int32_t whole;
    float real;
};

/* A query folded for codes of one kind. About
 *     distance = scale * (product - bias) + add + factor * what lies beside the code */
struct codes_query {
    const struct codes *codes;
    void (*score)(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                  float *ret);
    /* A distance that the true one is hardly ever below; NULL when the kind knows none. */
    float (*bound)(const struct codes_query *q, const void *row, float distance);
    bool exact;         /* the distances are those of the vectors: nothing is to be scored again */
    const void *folded; /* what is multiplied with a code, in the room lent; or the vector */
    int32_t bias;
    float scale;
    union code_number add;
    float factor;
};

/* Room a folded query takes, aligned to 64. */
size_t codes_query_bytes(const struct codes *c);

/* Folds a vector. room: codes_query_bytes(), lent until the query is no longer used. x too. */
void codes_query_init(struct codes_query *q, const struct codes *c, const float *x, void *room);

/* Rows against rows, of codes that building works on. A row is folded into weights, which take
 * the bytes of a code. */
struct folded_row {
    int32_t bias; /* of the product of weights and a code */
    float scale;  /* of it */
    union code_number add;
};
void codes_row_query(struct codes_query *q, const struct codes *c, uint32_t row, void *weights);
void codes_fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret);
/* The distances of one row, by its code and codes_norm_of() it, from n folded ones: at most
 * FOLDED_MAX. */
#define FOLDED_MAX 8
void codes_between(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                   const struct folded_row *folded, uint32_t n, float *ret);

/* Distances of rows whose codes lie at rows[]; smaller is nearer. */
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

/* What lies beside the code of a row; NULL: nothing. */
static inline const void *codes_norm_of(const struct codes *c, uint32_t row)
{
    return c->norm_bytes ? codes_norm_at(c, row) : NULL;
}
