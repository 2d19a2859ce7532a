/* code_sq8.c -- SQ8 as a kind of code: the arithmetic is in sq8.c. */
#include "vectors/codes/codes_internal.h"
#include "vectors/codes/sq8.h"

#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t stride(uint32_t dim, unsigned bits)
{
    return rows_stride(dim);
}

static uint64_t state_bytes(uint32_t dim, unsigned bits)
{
    return sizeof(struct sq8) + sq8_bytes(dim);
}

static int init(struct codes *c)
{
    struct sq8 *s = malloc(sizeof(*s));
    if (!s || sq8_init(s, c->metric, c->dim) < 0) {
        free(s);
        return -ENOMEM;
    }
    c->state = s;
    return 0;
}

static void fini(struct codes *c)
{
    sq8_fini(c->state);
    free(c->state);
}

static int train(struct codes *c, const struct codes_training *t)
{
    sq8_train(c->state, t->sample);
    return 0;
}

static bool encode(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    union code_number unused;
    return sq8_encode(c->state, x, code, norm ? norm : &unused);
}

static bool is_lossless(const struct codes *c)
{
    const struct sq8 *s = c->state;
    return s->lossless;
}

static size_t query_bytes(const struct codes *c)
{
    return sq8_query_bytes(c->state);
}

/* A cosine counts from 1. */
static float offset(const struct codes *c)
{
    return c->metric == METRIC_COSINE ? 1 : 0;
}

/* One function for each way to make a distance of a dot product, so that no row asks which.
 * In the loops over products nothing that is read may be what is written, so that compilers
 * make vectors of them. */
static void reals_of(const struct codes_query *q, const int32_t *restrict dots, const float *restrict add,
                     uint32_t count, float *restrict ret)
{
    const uint32_t bias = (uint32_t)q->bias;
    const float scale = q->scale;
    for (uint32_t i = 0; i < count; i++)
        ret[i] = add[i] + scale * (float)(int32_t)((uint32_t)dots[i] - bias);
}

static void wholes_of(const struct codes_query *q, const int32_t *restrict dots,
                      const union code_number *restrict norms, uint32_t count, float *restrict ret)
{
    const uint32_t add = (uint32_t)q->add.whole + 2 * (uint32_t)q->bias;
    const float grain = q->factor;
    for (uint32_t i = 0; i < count; i++)
        ret[i] = grain * (float)(int32_t)((uint32_t)norms[i].whole + add - 2 * (uint32_t)dots[i]);
}

static void score_ip(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                     float *ret)
{
    int32_t dots[DOTS];
    float add[DOTS];
    for (uint32_t i = 0; i < DOTS; i++)
        add[i] = offset(q->codes);
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek.dot_s8_u8_rows(q->folded, rows + from, n, q->codes->stride, dots);
        reals_of(q, dots, add, n, ret + from);
    }
}

static void norms_of(const struct codes *c, const uint32_t *ids, uint32_t count, union code_number *ret)
{
    const struct rows *r = &c->norms.rows;
    const bool is_array = r->shift == ROWS_ONE_PIECE;
    const union code_number *array = is_array && count ? (const union code_number *)r->chunk[0] : NULL;
    for (uint32_t i = 0; i < count && is_array; i++)
        ret[i] = array[ids[i]];
    for (uint32_t i = 0; i < count && !is_array; i++)
        ret[i] = *(const union code_number *)codes_norm_at(c, ids[i]);
}

static void score_l2_whole(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                           float *ret)
{
    int32_t dots[DOTS];
    union code_number norms[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        norms_of(q->codes, ids + from, n, norms);
        vek.dot_s8_u8_rows(q->folded, rows + from, n, q->codes->stride, dots);
        wholes_of(q, dots, norms, n, ret + from);
    }
}

static void score_l2(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                     float *ret)
{
    const struct codes *c = q->codes;
    const bool lossless = is_lossless(c);
    const float grain = q->factor, norm = q->add.real;
    int32_t dots[DOTS];
    union code_number norms[DOTS];
    float add[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        norms_of(c, ids + from, n, norms);
        for (uint32_t i = 0; i < n; i++)
            add[i] = (lossless ? grain * (float)norms[i].whole : norms[i].real) + norm;
        vek.dot_s8_u8_rows(q->folded, rows + from, n, c->stride, dots);
        reals_of(q, dots, add, n, ret + from);
    }
}

static void query_ready(struct codes_query *q, const struct codes *c, const struct sq8_query *of)
{
    q->folded = of->weights;
    q->bias = of->bias;
    q->scale = of->scale;
    q->add = of->norm;
    q->factor = of->grain;
    q->score = c->metric != METRIC_L2 ? score_ip : of->whole ? score_l2_whole : score_l2;
    q->exact = of->whole && c->clipped == c->outlier_count;
}

static void query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    struct sq8_query of;
    sq8_query_init(&of, c->state, x, room);
    query_ready(q, c, &of);
}

static void fold(struct sq8_query *q, const struct codes *c, uint32_t row, void *weights)
{
    const union code_number *norm = codes_norm_of(c, row);
    sq8_query_of_code(q, c->state, codes_at(c, row), norm ? *norm : (union code_number){0}, weights);
}

static void row_query(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    struct sq8_query of;
    fold(&of, c, row, weights);
    query_ready(q, c, &of);
}

static void fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    struct sq8_query q;
    fold(&q, c, row, weights);
    *ret = (struct folded_row){.bias = q.bias, .add = q.norm};
}

static void between(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret)
{
    const struct sq8 *s = c->state;
    const bool l2 = c->metric == METRIC_L2;
    const union code_number own = l2 ? *(const union code_number *)norm : (union code_number){0};
    struct sq8_query q = {
        .scale = l2 ? -2 * s->unit : -s->unit, .grain = s->lossless ? s->unit : 1, .whole = s->lossless};
    int32_t dots[FOLDED_MAX];
    vek.dot_u8_s8_rows(code, weights, n, s->stride, dots);
    for (uint32_t i = 0; i < n; i++) {
        q.bias = folded[i].bias;
        q.norm = folded[i].add;
        ret[i] = offset(c) + sq8_distance(&q, l2, s->lossless, dots[i], own);
    }
}

/* low[dim], step[dim], and whether the codes are the values. */
static uint32_t params_count(const struct codes *c)
{
    return 2 * c->dim + 1;
}

static void params_write(const struct codes *c, float *params)
{
    const struct sq8 *s = c->state;
    memcpy(params, s->low, c->dim * sizeof(float));
    memcpy(params + c->dim, s->step, c->dim * sizeof(float));
    params[2 * (size_t)c->dim] = s->lossless;
}

/* One power of two for all dimensions, from SQ8_STEP_LEAST to 1. */
static bool is_lossless_step(const struct sq8 *s, uint32_t j)
{
    int exponent;
    const float step = s->step[j];
    return s->low[j] == 0 && step == s->step[0] && step >= SQ8_STEP_LEAST && step <= 1 &&
           frexpf(step, &exponent) == 0.5f;
}

static const char *params_open(struct codes *c, const float *params)
{
    struct sq8 *s = c->state;
    const float lossless = params[2 * (size_t)c->dim];
    if ((lossless != 0 && lossless != 1) || (lossless == 1 && c->metric != METRIC_L2))
        return "the quantiser holds no numbers";
    s->lossless = lossless == 1;
    for (uint32_t j = 0; j < c->dim; j++) {
        s->low[j] = params[j];
        s->step[j] = params[c->dim + j];
        if (!isfinite(s->low[j]) || !isfinite(s->step[j]) || s->step[j] < 0)
            return "the quantiser holds no numbers";
        if (s->lossless && !is_lossless_step(s, j))
            return "the quantiser is not lossless as it says";
    }
    sq8_prepare(s);
    return NULL;
}

const struct code_ops code_sq8 = {
    .name = "sq8",
    .features = CODE_WHOLE,
    .value_bits = 8,
    .refine_k = {1.5f},
    .norm_bytes = sizeof(union code_number),
    .norms_l2_only = true,
    .stride = stride,
    .init = init,
    .fini = fini,
    .state_bytes = state_bytes,
    .train = train,
    .params_count = params_count,
    .params_write = params_write,
    .params_open = params_open,
    .encode = encode,
    .is_lossless = is_lossless,
    .query_bytes = query_bytes,
    .query_init = query_init,
    .row_query = row_query,
    .fold_row = fold_row,
    .between = between,
};
