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

/* Of f16 and bf16. */
struct halves {
    float *centre; /* [dim]; owned */
    float scale;   /* f16: what values are multiplied with, a power of two */
};

static uint32_t stride_f32(uint32_t dim, unsigned bits)
{
    return rows_stride(dim * sizeof(float));
}

static uint32_t stride_half(uint32_t dim, unsigned bits)
{
    return rows_stride(dim * sizeof(uint16_t));
}

static uint64_t state_bytes(uint32_t dim, unsigned bits)
{
    return sizeof(struct halves) + rows_stride(dim * sizeof(float));
}

static int init(struct codes *c)
{
    struct halves *s = malloc(sizeof(*s));
    float *centre = memory_aligned(rows_stride(c->dim * sizeof(float)));
    if (!s || !centre) {
        free(s);
        free(centre);
        return -ENOMEM;
    }
    *s = (struct halves){centre, 1};
    c->state = s;
    return 0;
}

static void fini(struct codes *c)
{
    struct halves *s = c->state;
    free(s->centre);
    free(s);
}

/* The middle of a dimension, in coarse steps: so that what is left of whole numbers is whole, and
 * 0 stays where it is. */
static float centre_of(const struct codes_sample *p, uint32_t j)
{
    const float range = p->max[j] - p->min[j], mean = (float)(p->sum[j] / p->rows);
    if (!(range > 0 && range < INFINITY))
        return mean;
    const float step = ldexpf(1, ilogbf(range) - 1);
    return rintf(mean / step) * step;
}

static int train(struct codes *c, const struct codes_training *t)
{
    const struct codes_sample *sample = t->sample;
    struct halves *s = c->state;
    float largest = 0;
    for (uint32_t j = 0; j < c->dim && sample->rows; j++) {
        const float centre = s->centre[j] = centre_of(sample, j);
        largest = fmaxf(largest, fmaxf(fabsf(sample->min[j] - centre), fabsf(sample->max[j] - centre)));
    }
    if (c->kind != CODE_F16 || !(largest > 0 && largest < INFINITY))
        return 0;
    int exponent = F16_SCALED_TO - ilogbf(largest);
    exponent = exponent > SCALE_MAX ? SCALE_MAX : exponent < -SCALE_MAX ? -SCALE_MAX : exponent;
    s->scale = ldexpf(1, exponent);
    return 0;
}

static bool encode_f32(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    memcpy(code, x, c->dim * sizeof(float));
    return false;
}

static bool encode_bf16(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    const struct halves *s = c->state;
    for (uint32_t from = 0; from < c->dim; from += PIECE) {
        float rest[PIECE];
        const uint32_t n = c->dim - from < PIECE ? c->dim - from : PIECE;
        for (uint32_t j = 0; j < n; j++)
            rest[j] = x[from + j] - s->centre[from + j];
        vek.bf16_of_f32(rest, n, (uint16_t *)code + from);
    }
    return false;
}

/* A value that f16 cannot hold becomes the largest it can: not right, but a number. */
static bool encode_f16(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    const struct halves *s = c->state;
    bool clipped = false;
    for (uint32_t from = 0; from < c->dim; from += PIECE) {
        float scaled[PIECE];
        uint32_t n = c->dim - from < PIECE ? c->dim - from : PIECE;
        for (uint32_t j = 0; j < n; j++) {
            float v = (x[from + j] - s->centre[from + j]) * s->scale;
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
            ret[i] = ret[i] * q->scale + q->add.real;                                                                  \
    }
SCORE_L2(f16)
SCORE_L2(bf16)
SCORE_IP(f16)
SCORE_IP(bf16)

static void score_f32(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                      float *ret)
{
    vectors_distances(q->codes->metric, q->folded, rows, count, q->codes->dim, ret);
}

static size_t query_bytes_f32(const struct codes *c)
{
    return 0;
}

static void query_init_f32(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    q->folded = x;
    q->exact = true;
    q->score = score_f32;
}

static size_t query_bytes(const struct codes *c)
{
    return rows_stride(c->dim * sizeof(float));
}

static void query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    const struct halves *s = c->state;
    const bool ip = c->metric == METRIC_IP;
    if (c->kind == CODE_BF16)
        q->score = ip ? score_bf16_ip : score_bf16_l2;
    else
        q->score = ip ? score_f16_ip : score_f16_l2;
    float *scaled = room;
    for (uint32_t j = 0; j < c->dim; j++)
        scaled[j] = ip ? x[j] : (x[j] - s->centre[j]) * s->scale;
    q->folded = scaled;
    q->scale = ip ? -1 / s->scale : (c->metric == METRIC_COSINE ? 0.5f : 1) / (s->scale * s->scale);
    q->add.real = ip ? -vek.ip_f32(x, s->centre, c->dim) : 0;
}

static const float *row_of(const struct codes *c, uint32_t row)
{
    return codes_at(c, row);
}

/* A copy: rows may come at a pause of the walk, and the first ones move when they do
 * (row_array.h). */
static void row_query(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    memcpy(weights, row_of(c, row), c->stride);
    query_init_f32(q, c, weights, NULL);
}

static void fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    memcpy(weights, row_of(c, row), c->stride);
    *ret = (struct folded_row){0};
}

static void between(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret)
{
    struct codes_query q;
    query_init_f32(&q, c, code, NULL);
    q.codes = c;
    codes_score(&q, weights, NULL, n, ret);
}

/* The centre, and the scale. */
static uint32_t params_count(const struct codes *c)
{
    return c->dim + 1;
}

static void params_write(const struct codes *c, float *params)
{
    const struct halves *s = c->state;
    memcpy(params, s->centre, c->dim * sizeof(float));
    params[c->dim] = s->scale;
}

static const char *params_open(struct codes *c, const float *params)
{
    struct halves *s = c->state;
    for (uint32_t j = 0; j < c->dim; j++)
        if (!isfinite(params[j]))
            return "the centre holds no numbers";
    memcpy(s->centre, params, c->dim * sizeof(float));
    s->scale = params[c->dim];
    /* so is its square */
    bool in_range = s->scale >= ldexpf(1, -SCALE_MAX) && s->scale <= ldexpf(1, SCALE_MAX);
    return in_range ? NULL : "the scale is out of range";
}

const struct code_ops code_f32 = {
    .name = "f32",
    .features = CODE_VALUES,
    .value_bits = 32,
    .precision = 24,
    .refine_k = {1},
    .stride = stride_f32,
    .encode = encode_f32,
    .query_bytes = query_bytes_f32,
    .query_init = query_init_f32,
    .row_query = row_query,
    .fold_row = fold_row,
    .between = between,
};

#define HALVES                                                                                                         \
    .value_bits = 16, .stride = stride_half, .init = init, .fini = fini, .state_bytes = state_bytes, .train = train,   \
    .params_count = params_count, .params_write = params_write, .params_open = params_open,                            \
    .query_bytes = query_bytes, .query_init = query_init
const struct code_ops code_f16 = {HALVES, .name = "f16", .precision = 11, .refine_k = {1}, .encode = encode_f16};
const struct code_ops code_bf16 = {HALVES, .name = "bf16", .precision = 8, .refine_k = {1.5f}, .encode = encode_bf16};
