/* code_sq4.c -- half a byte a dimension: x[j] is about low[j] + step[j] * u[j], u in 0..15.
 *
 * As in sq8.h the steps are folded into the query. With the centre c = low + 7.5 * step and x'
 * what the code of x says,
 *     2 <x' - c, q> = sum over j of (2 u[j] - 15) * w[j],      w[j] = step[j] * q[j] rounded to
 *     -127..127 units
 * Steps this wide leave an error e = x' - x that a number beside the code takes most of away:
 *     L2      |x' - q|^2 - |e|^2 = |x - q|^2 + 2 <e, x - q>    |x' - c|^2 - |e|^2 is kept
 *     IP      <x', q> |x|^2 / <x', x>                          the factor is kept
 * What is left of the error is its part along x - q, or along what of q is not x: small for the
 * near rows that count. The factor is RaBitQ's (Gao & Long, SIGMOD 2024). */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include "vectors/codes/fold.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct sq4 {
    float *low, *step, *inverse_step; /* [dim] each; one allocation, owned */
};

#define LEVELS       16
#define MIDDLE       7.5f
#define BLOCK        128  /* dimensions to 64 bytes */
#define SAMPLE       1024 /* rows that ranges are tried on */
#define GROUP        16   /* dimensions read together: a cache line of a row */
#define LANES        8
#define RANGE_TRIES  12 /* parts of the way from the mean to an end that a range may reach */
#define RANGE_ROUNDS 2

static uint32_t padded(const struct codes *c)
{
    return c->stride * 2;
}

static uint32_t stride(uint32_t dim, unsigned bits)
{
    return (dim + BLOCK - 1) / BLOCK * (BLOCK / 2);
}

static uint64_t state_bytes(uint32_t dim, unsigned bits)
{
    return sizeof(struct sq4) + 3 * (uint64_t)dim * sizeof(float);
}

static int init(struct codes *c)
{
    struct sq4 *s = malloc(sizeof(*s));
    float *floats = memory_aligned(3 * (size_t)c->dim * sizeof(float));
    if (!s || !floats) {
        free(s);
        free(floats);
        return -ENOMEM;
    }
    *s = (struct sq4){floats, floats + c->dim, floats + 2 * (size_t)c->dim};
    for (uint32_t j = 0; j < c->dim; j++)
        s->step[j] = -1; /* not known yet */
    c->state = s;
    return 0;
}

static void fini(struct codes *c)
{
    struct sq4 *s = c->state;
    free(s->low);
    free(s);
}

static void prepare(struct sq4 *s, uint32_t dim)
{
    for (uint32_t j = 0; j < dim; j++)
        s->inverse_step[j] = s->step[j] > 0 ? 1 / s->step[j] : 0;
}

/* Divided first: a difference of the largest floats is none. */
static float step_of(float low, float high)
{
    return high / (LEVELS - 1) - low / (LEVELS - 1);
}

/* Squared error of n values (a multiple of LANES) quantised to 16 levels between low and high. A
 * sum a lane, for a compiler may not reorder the additions of one. */
static float error_of(const float *values, uint32_t n, float low, float high)
{
    const float step = step_of(low, high), inverse = 1 / step;
    float sums[LANES] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i += LANES) {
        for (uint32_t lane = 0; lane < LANES; lane++) {
            float level = (values[i + lane] - low) * inverse;
            level = level < 0 ? 0 : level > LEVELS - 1 ? LEVELS - 1 : level;
            float error = values[i + lane] - (low + step * (float)(int)(level + 0.5f));
            sums[lane] += error * error;
        }
    }
    for (uint32_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

/* A narrow range has fine steps and cuts off the tails; the best is found by trying, one end after
 * the other. For a normal distribution it comes to 2.5 standard deviations, for values that are
 * mostly zero to quite another. */
static void fit_range(const float *values, uint32_t n, float min, float mean, float max, float *ret_low,
                      float *ret_high)
{
    float best = error_of(values, n, min, max), low = min, high = max;
    for (unsigned round = 0; round < RANGE_ROUNDS; round++) {
        for (unsigned i = 1; i < RANGE_TRIES; i++) {
            const float part = 1 - (float)i / RANGE_TRIES;
            const float tried_high = mean + part * (max - mean), tried_low = mean - part * (mean - min);
            float error = tried_high > low ? error_of(values, n, low, tried_high) : INFINITY;
            if (error < best) {
                best = error;
                high = tried_high;
            }
            error = high > tried_low ? error_of(values, n, tried_low, high) : INFINITY;
            if (error < best) {
                best = error;
                low = tried_low;
            }
        }
    }
    *ret_low = low;
    *ret_high = high;
}

static void train_dimension(struct sq4 *s, const struct codes_sample *p, uint32_t j, const float *values, uint32_t n)
{
    const double mean = p->sum[j] / (p->rows ? p->rows : 1);
    float low = (float)mean, high = low;
    if (p->max[j] > p->min[j])
        fit_range(values, n, p->min[j], (float)mean, p->max[j], &low, &high);
    s->low[j] = low;
    s->step[j] = step_of(low, high);
}

struct job {
    struct codes *codes;
    const struct codes_training *training;
    _Atomic uint32_t next; /* group of dimensions that nobody has taken yet; only a counter */
};

/* Sets the ranges of a group that are not known yet. values: room for
 * [dimension of the group][row]. */
static int train_group(const struct job *job, uint32_t first, float *values, const struct pause *pause)
{
    const struct codes *c = job->codes;
    struct sq4 *s = c->state;
    const struct codes_training *t = job->training;
    const uint32_t group = c->dim - first < GROUP ? c->dim - first : GROUP;
    const uint32_t step = t->count / SAMPLE + 1, n = t->count / step;
    for (uint32_t i = 0; i < n; i++) {
        const float *row = rows_at(t->vectors, i * step);
        for (uint32_t j = 0; j < group; j++)
            values[j * SAMPLE + i] = row[first + j];
    }
    for (uint32_t i = n; i % LANES != 0; i++) /* the last row again, to fill a piece */
        for (uint32_t j = 0; j < group; j++)
            values[j * SAMPLE + i] = values[j * SAMPLE + n - 1];
    int rc = 0;
    for (uint32_t j = 0; j < group && rc == 0; j++) {
        if (s->step[first + j] >= 0)
            continue;
        train_dimension(s, t->sample, first + j, values + (size_t)j * SAMPLE, (n + LANES - 1) / LANES * LANES);
        rc = pause_here(pause);
    }
    return rc;
}

static int train_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    const struct codes *c = job->codes;
    const struct sq4 *s = c->state;
    float *values = malloc(SAMPLE * GROUP * sizeof(float));
    int rc = values ? 0 : -ENOMEM;
    (void)share;
    while (rc == 0) {
        const uint32_t first = GROUP * atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (first >= c->dim)
            break;
        const uint32_t last = c->dim - first < GROUP ? c->dim - 1 : first + GROUP - 1;
        if (s->step[last] < 0) /* or an earlier call has come to its end */
            rc = train_group(job, first, values, pause);
    }
    free(values);
    return rc;
}

static int train(struct codes *c, const struct codes_training *t)
{
    struct job job = {.codes = c, .training = t};
    int rc = workers_run(t->workers, train_share, &job, t->pause);
    if (rc == 0)
        prepare(c->state, c->dim);
    return rc;
}

static unsigned code_of(const uint8_t *code, uint32_t j)
{
    uint8_t both = code[j / BLOCK * (BLOCK / 2) + j % (BLOCK / 2)];
    return j % BLOCK < BLOCK / 2 ? both & 15 : both >> 4;
}

static bool encode(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    const struct sq4 *s = c->state;
    vek.encode_u4(x, s->low, s->inverse_step, c->dim, code);
    double centred = 0, error = 0, squares = 0, product = 0;
    for (uint32_t j = 0; j < c->dim; j++) {
        float from_centre = s->step[j] * ((float)code_of(code, j) - MIDDLE);
        float said = s->low[j] + MIDDLE * s->step[j] + from_centre;
        centred += from_centre * from_centre;
        error += (said - x[j]) * (said - x[j]);
        squares += x[j] * x[j];
        product += said * x[j];
    }
    if (c->metric == METRIC_L2)
        *(float *)norm = (float)(centred - error);
    else
        *(float *)norm =
            /* a code that says little is left alone */
            product > squares / 2 ? (float)(squares / product) : 1;
    return !isfinite(*(float *)norm);
}

/* The weights, and room to work in. */
static size_t query_bytes(const struct codes *c)
{
    return padded(c) * (1 + sizeof(float));
}

static void score_l2(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                     float *ret)
{
    const struct codes *c = q->codes;
    int32_t dots[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek.dot_s8_u4_rows(q->folded, rows + from, n, padded(c), dots);
        for (uint32_t i = 0; i < n; i++)
            ret[from + i] = *(const float *)codes_norm_at(c, ids[from + i]) + q->add.real +
                            q->scale * (float)(2 * dots[i] - q->bias);
    }
}

static void score_ip(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count,
                     float *ret)
{
    const struct codes *c = q->codes;
    const float offset = c->metric == METRIC_COSINE ? 1 : 0;
    int32_t dots[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek.dot_s8_u4_rows(q->folded, rows + from, n, padded(c), dots);
        for (uint32_t i = 0; i < n; i++)
            ret[from + i] = offset + *(const float *)codes_norm_at(c, ids[from + i]) *
                                         (q->add.real + q->scale * (float)(2 * dots[i] - q->bias));
    }
}

static void query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    const struct sq4 *s = c->state;
    const bool l2 = c->metric == METRIC_L2;
    int8_t *weights = room;
    float *w = (float *)(weights + padded(c));
    memset(w + c->dim, 0, (padded(c) - c->dim) * sizeof(float));
    for (uint32_t j = 0; j < c->dim; j++) {
        const float centre = s->low[j] + MIDDLE * s->step[j];
        w[j] = l2 ? x[j] - centre : centre;
    }
    const float constant = vek.ip_f32(w, l2 ? w : x, c->dim); /* |q - c|^2, else <c, q> */
    for (uint32_t j = 0; j < c->dim; j++)
        w[j] = s->step[j] * (l2 ? w[j] : x[j]);
    const struct folded folded = fold_to_bytes(w, padded(c), weights);
    q->folded = weights;
    q->bias = 15 * folded.sum;
    q->scale = l2 ? -folded.unit : -folded.unit / 2;
    q->add.real = l2 ? constant : -constant;
    q->score = l2 ? score_l2 : score_ip;
}

/* low[dim], step[dim] */
static uint32_t params_count(const struct codes *c)
{
    return 2 * c->dim;
}

static void params_write(const struct codes *c, float *params)
{
    const struct sq4 *s = c->state;
    memcpy(params, s->low, 2 * (size_t)c->dim * sizeof(float)); /* the steps lie behind */
}

static const char *params_open(struct codes *c, const float *params)
{
    struct sq4 *s = c->state;
    for (uint32_t j = 0; j < 2 * c->dim; j++) {
        if (!isfinite(params[j]) || (j >= c->dim && params[j] < 0))
            return "the quantiser holds no numbers";
        s->low[j] = params[j];
    }
    prepare(s, c->dim);
    return NULL;
}

const struct code_ops code_sq4 = {
    .name = "sq4",
    .value_bits = 4,
    .refine_k = {2},
    .norm_bytes = sizeof(float),
    .stride = stride,
    .init = init,
    .fini = fini,
    .state_bytes = state_bytes,
    .train = train,
    .params_count = params_count,
    .params_write = params_write,
    .params_open = params_open,
    .encode = encode,
    .query_bytes = query_bytes,
    .query_init = query_init,
};
