/* sq8.h -- vectors as bytes: dimension j of a vector is about low[j] + step[j] * u[j], u in 0..255.
 *
 * The steps are folded into the query, so that a distance is one product of bytes. With the centre
 * c = low + 128 * step,
 *     <x - c, q - c> = sum over j of (u[j] - 128) * w[j],      w[j] = step[j] * (q[j] - c[j])
 *     rounded to -128..127 units
 *     L2 = |x - c|^2 + |q - c|^2 - 2 <x - c, q - c>            |x - c|^2 is kept beside the codes
 *     IP = <x, q>                                              the centre is 0
 * Scalar quantisation with a folded query is folklore; the per-dimension form follows Faiss'
 * QT_8bit, the folding LVQ (Aguerrebere et al., VLDB 2023).
 *
 * Whole numbers 0..255 under L2 (pixels, SIFT, counts, bits) are coded without loss, times a power
 * of two: then every distance is exact integer arithmetic. */
#pragma once

#include "vectors/codes/codes.h"

#define SQ8_STEP_LEAST 0x1p-7f /* of lossless codes */

struct sq8 {
    enum metric metric;
    uint32_t dim;
    uint32_t stride;     /* bytes of a code: dim rounded up to 64 */
    bool lossless;       /* codes are the values, times one power of two: 1 / step */
    float *low, *step;   /* [dim] each; one allocation with the two below, owned */
    float *inverse_step; /* 0 where step is 0 */
    float *gain;         /* [stride]: step^2 / unit, what folds a code into weights */
    float unit;          /* the largest step, squared */
    float error_max;     /* squared distance of a row from its code that rounding explains */
};

MUST_USE int sq8_init(struct sq8 *s, enum metric metric, uint32_t dim);
void sq8_fini(struct sq8 *s);
uint64_t sq8_bytes(uint32_t dim); /* owned by one */
/* To be called when low and step are set. */
void sq8_prepare(struct sq8 *s);

/* Sets low and step from the sample. */
void sq8_train(struct sq8 *s, const struct codes_sample *p);

/* Writes the code of x. Returns whether x is farther from it than rounding explains: clipped, or
 * not whole where lossless. ret_norm: |x - c|^2 of what the code says; L2 only. */
bool sq8_encode(const struct sq8 *s, const float *x, uint8_t *code, union code_number *ret_norm);

/* A folded query. dot is what vek.dot_s8_u8_rows makes of weights and a code. */
struct sq8_query {
    int8_t *weights;        /* [stride], zero behind dim; the caller's */
    int32_t bias;           /* 128 * the sum of the weights */
    float scale;            /* of dot - bias */
    union code_number norm; /* |q - c|^2 */
    /* what whole norms and distances are multiplied with: step^2 of lossless codes, else 1 */
    float grain;
    bool whole; /* integer arithmetic: the distance is exact */
};

/* Folds a vector. room: the weights lie in it, and stride floats behind them to work in. */
void sq8_query_init(struct sq8_query *q, const struct sq8 *s, const float *x, void *room);
static inline size_t sq8_query_bytes(const struct sq8 *s)
{
    return s->stride * (1 + sizeof(float));
}
/* Folds a code and its norm. weights: room for stride bytes. */
void sq8_query_of_code(struct sq8_query *q, const struct sq8 *s, const uint8_t *code, union code_number norm,
                       int8_t *weights);

/* The distance that a dot product stands for, under cosine less by 1; norm is the row's. */
static inline float sq8_distance(const struct sq8_query *q, bool l2, bool lossless, int32_t dot, union code_number norm)
{
    int32_t centred = (int32_t)((uint32_t)dot - (uint32_t)q->bias);
    if (!l2)
        return q->scale * (float)centred;
    if (q->whole)
        return q->grain * (float)(int32_t)((uint32_t)norm.whole + (uint32_t)q->norm.whole - 2 * (uint32_t)centred);
    return (lossless ? q->grain * (float)norm.whole : norm.real) + q->norm.real + q->scale * (float)centred;
}
