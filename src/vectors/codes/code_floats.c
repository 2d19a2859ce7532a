/* code_floats.c -- the values themselves, as f32 (exact) or as half as many bits.
 *
 * Halves hold what is left of a row once the mean of all is taken off it: of values about 1000 that
 * differ by 1 they would keep the 1000. Of inner products, <x, q> = <x - c, q> + <c, q>, the last
 * term is the query's alone. f16 has 11 bits for values from 2^-14 to 65504: rows are scaled by a
 * power of two that puts the largest of the sample at 2^8, so that small vectors keep their bits
 * and rows to come have room. bf16 has the range of f32, and 8 bits. */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define F16_LARGEST   65504.0f
#define F16_SCALED_TO 8  /* log2 of where the largest value of the sample goes */
#define SCALE_MAX     60 /* log2 of a scale */
#define PIECE         256

static uint32_t stride_f32(uint32_t dim, unsigned bits)
{
    (void)bits;
    return rows_stride(dim * sizeof(float));
}

static uint32_t stride_half(uint32_t dim, unsigned bits)
{
    (void)bits;
    return rows_stride(dim * sizeof(uint16_t));
}

static int init(struct codes *c, unsigned bits)
{
    (void)bits;
    c->scale = 1;
    if (c->kind == CODE_F32)
        return 0;
    c->centre = memory_aligned(rows_stride(c->dim * sizeof(float)));
    return c->centre ? 0 : -ENOMEM;
}

static void fini(struct codes *c)
{
    free(c->centre);
}

/* The middle of a dimension, in coarse steps: so that what is left of whole numbers is whole, and
 * 0 stays where it is. */
static float centre_of(const struct sq8_sample *p, uint32_t j)
{
    const float range = p->max[j] - p->min[j], mean = (float)(p->sum[j] / p->rows);
    if (!(range > 0 && range < INFINITY))
        return mean;
    const float step = ldexpf(1, ilogbf(range) - 1);
    return rintf(mean / step) * step;
}

static int train(struct codes *c, const struct codes_training *t)
{
    const struct sq8_sample *sample = t->sample;
    float largest = 0;
    if (c->kind == CODE_F32)
        return 0;
    for (uint32_t j = 0; j < c->dim && sample->rows; j++) {
        const float centre = c->centre[j] = centre_of(sample, j);
        largest = fmaxf(largest, fmaxf(fabsf(sample->min[j] - centre), fabsf(sample->max[j] - centre)));
    }
    if (c->kind != CODE_F16 || !(largest > 0 && largest < INFINITY))
        return 0;
    int exponent = F16_SCALED_TO - ilogbf(largest);
    exponent = exponent > SCALE_MAX ? SCALE_MAX : exponent < -SCALE_MAX ? -SCALE_MAX : exponent;
    c->scale = ldexpf(1, exponent);
    return 0;
}

static bool encode_f32(const struct codes *c, const float *x, void *code, void *norm)
{
    (void)norm;
    memcpy(code, x, c->dim * sizeof(float));
    return false;
}

static bool encode_bf16(const struct codes *c, const float *x, void *code, void *norm)
{
    (void)norm;
    for (uint32_t from = 0; from < c->dim; from += PIECE) {
        float rest[PIECE];
        const uint32_t n = c->dim - from < PIECE ? c->dim - from : PIECE;
        for (uint32_t j = 0; j < n; j++)
            rest[j] = x[from + j] - c->centre[from + j];
        vek.bf16_of_f32(rest, n, (uint16_t *)code + from);
    }
    return false;
}

/* A value that f16 cannot hold becomes the largest it can: not right, but a number. */
static bool encode_f16(const struct codes *c, const float *x, void *code, void *norm)
{
    (void)norm;
    bool clipped = false;
    for (uint32_t from = 0; from < c->dim; from += PIECE) {
        float scaled[PIECE];
        uint32_t n = c->dim - from < PIECE ? c->dim - from : PIECE;
        for (uint32_t j = 0; j < n; j++) {
            float v = (x[from + j] - c->centre[from + j]) * c->scale;
            clipped |= fabsf(v) > F16_LARGEST;
            scaled[j] = fminf(fmaxf(v, -F16_LARGEST), F16_LARGEST);
        }
        vek.f16_of_f32(scaled, n, (uint16_t *)code + from);
    }
    return clipped;
}

/* A score is a kernel over rows as they are stored. L2: scale is what the distance of scaled
 * values is divided by. */
#define SCORE_L2(kind)                                                                                                 \
    static void score_##kind##_l2(const struct codes_query *q, const void *const *rows, const uint32_t *ids,           \
                                  uint32_t count, float *ret)                                                          \
    {                                                                                                                  \
        (void)ids;                                                                                                     \
        vek.l2_##kind##_rows(q->folded, rows, count, q->codes->dim, ret);                                              \
        for (uint32_t i = 0; i < count && q->scale != 1; i++)                                                          \
            ret[i] *= q->scale;                                                                                        \
    }
#define SCORE_IP(kind)                                                                                                 \
    static void score_##kind##_ip(const struct codes_query *q, const void *const *rows, const uint32_t *ids,           \
                                  uint32_t count, float *ret)                                                          \
    {                                                                                                                  \
        (void)ids;                                                                                                     \
        vek.ip_##kind##_rows(q->folded, rows, count, q->codes->dim, ret);                                              \
        for (uint32_t i = 0; i < count; i++)                                                                           \
            ret[i] = ret[i] * q->scale + q->add;                                                                       \
    }
SCORE_L2(f16)
SCORE_L2(bf16)
SCORE_IP(f16)
SCORE_IP(bf16)

static void score_f32(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                      float *ret)
{
    (void)ids;
    vectors_distances(q->codes->metric, q->folded, rows, count, q->codes->dim, ret);
}

static size_t query_bytes(const struct codes *c)
{
    return c->kind == CODE_F32 ? 0 : rows_stride(c->dim * sizeof(float));
}

static void query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    const bool ip = c->metric == METRIC_IP;
    q->folded = x;
    q->exact = c->kind == CODE_F32;
    if (c->kind == CODE_F32) {
        q->score = score_f32;
        return;
    }
    if (c->kind == CODE_BF16)
        q->score = ip ? score_bf16_ip : score_bf16_l2;
    else
        q->score = ip ? score_f16_ip : score_f16_l2;
    float *scaled = room;
    for (uint32_t j = 0; j < c->dim; j++)
        scaled[j] = ip ? x[j] : (x[j] - c->centre[j]) * c->scale;
    q->folded = scaled;
    q->scale = ip ? -1 / c->scale : (c->metric == METRIC_COSINE ? 0.5f : 1) / (c->scale * c->scale);
    q->add = ip ? -vek.ip_f32(x, c->centre, c->dim) : 0;
}

static const float *row_of(const struct codes *c, uint32_t row)
{
    return codes_at(c, row);
}

/* A copy: rows may come at a pause of the walk, and the first ones move when they do
 * (row_array.h). */
static void query_of_row(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    memcpy(weights, row_of(c, row), c->stride);
    query_init(q, c, weights, NULL);
}

static void fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    memcpy(weights, row_of(c, row), c->stride);
    *ret = (struct folded_row){0};
}

static void between(const struct codes *c, const void *code, union norm norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret)
{
    (void)norm;
    (void)folded;
    struct codes_query q;
    query_init(&q, c, code, NULL);
    q.codes = c;
    codes_score(&q, weights, NULL, n, ret);
}

/* Halves: the centre, and the scale. */
static uint32_t params_count(const struct codes *c)
{
    return c->kind == CODE_F32 ? 0 : c->dim + 1;
}

static void params_write(const struct codes *c, float *params)
{
    if (c->kind == CODE_F32)
        return;
    memcpy(params, c->centre, c->dim * sizeof(float));
    params[c->dim] = c->scale;
}

static const char *params_open(struct codes *c, const float *params)
{
    if (c->kind == CODE_F32)
        return NULL;
    for (uint32_t j = 0; j < c->dim; j++)
        if (!isfinite(params[j]))
            return "the centre holds no numbers";
    memcpy(c->centre, params, c->dim * sizeof(float));
    c->scale = params[c->dim];
    /* so is its square */
    bool in_range = c->scale >= ldexpf(1, -SCALE_MAX) && c->scale <= ldexpf(1, SCALE_MAX);
    return in_range ? NULL : "the scale is out of range";
}

static uint64_t params_bytes(const struct codes *c)
{
    return c->centre ? rows_stride(c->dim * sizeof(float)) : 0;
}

#define FLOAT_OPS(row_stride, encode_row)                                                                              \
    .stride = row_stride, .init = init, .fini = fini, .train = train, .encode = encode_row,                            \
    .query_bytes = query_bytes, .query_init = query_init, .params_count = params_count, .params_write = params_write,  \
    .params_open = params_open, .params_bytes = params_bytes
const struct code_ops code_f32 = {FLOAT_OPS(stride_f32, encode_f32), .query_of_row = query_of_row, .fold_row = fold_row,
                                  .between = between};
const struct code_ops code_f16 = {FLOAT_OPS(stride_half, encode_f16)};
const struct code_ops code_bf16 = {FLOAT_OPS(stride_half, encode_bf16)};
