/* sq8.c -- ranges of each dimension are measured on a sample; a value outside is clipped, and its
 * row counted. */
#include "vectors/codes/sq8.h"

#include "base/memory.h"
#include "vectors/codes/fold.h"
#include "vectors/rows.h"
#include "vek.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define LOSSLESS_DIM_MAX 32768 /* 32768 * 255^2 fits an int32 */
/* of a range: its ends and its step are floats in any arithmetic */
#define LARGEST (0.98 * (double)FLT_MAX)
/* a few outliers must not take the steps of all others */
#define SIGMAS      6.0
#define ERROR_TIMES 4 /* of the squared error that rounding makes on average */
#define LANES       8

int sq8_init(struct sq8 *s, enum metric metric, uint32_t dim)
{
    uint32_t stride = rows_stride(dim);
    float *floats = memory_aligned((size_t)stride * 4 * sizeof(float));
    if (!floats)
        return -ENOMEM;
    *s = (struct sq8){.metric = metric, .dim = dim, .stride = stride, .low = floats};
    s->step = floats + stride;
    s->inverse_step = floats + 2 * (size_t)stride;
    s->gain = floats + 3 * (size_t)stride;
    return 0;
}

void sq8_fini(struct sq8 *s)
{
    memory_free(s->low);
    *s = (struct sq8){0};
}

uint64_t sq8_bytes(uint32_t dim)
{
    return (uint64_t)rows_stride(dim) * 4 * sizeof(float);
}

void sq8_prepare(struct sq8 *s)
{
    float step_max = 0;
    for (uint32_t j = 0; j < s->dim; j++)
        step_max = fmaxf(step_max, s->step[j]);
    s->unit = step_max * step_max;
    s->error_max = 0;
    for (uint32_t j = 0; j < s->dim; j++) {
        float ratio = step_max > 0 ? s->step[j] / step_max : 0;
        s->gain[j] = ratio * ratio;
        s->inverse_step[j] = s->step[j] > 0 ? 1 / s->step[j] : 0;
        s->error_max += s->lossless ? 0 : s->step[j] * s->step[j] * (ERROR_TIMES / 12.0f);
    }
}

/* Small numbers take finer steps, so that queries between them are not rounded to whole ones: the
 * smallest power of two that leaves room for half as much again as was seen. */
static float lossless_step(const struct sq8 *s, const struct codes_sample *p)
{
    float most = 1, step = 1;
    for (uint32_t j = 0; s->lossless && j < s->dim; j++)
        most = fmaxf(most, p->max[j]);
    while (step > SQ8_STEP_LEAST && (most > 1 ? 1.5f * most : most) * 2 / step <= 255)
        step /= 2;
    return step;
}

void sq8_train(struct sq8 *s, const struct codes_sample *p)
{
    s->lossless = p->whole && p->rows > 0 && s->metric == METRIC_L2 && s->dim <= LOSSLESS_DIM_MAX;
    const float whole_step = lossless_step(s, p);
    double rows = p->rows ? p->rows : 1;
    /* rows to come reach beyond those seen, less so the more were seen */
    double margin = p->rows < 1024 ? 0.2 : 0.02;
    for (uint32_t j = 0; j < s->dim; j++) {
        if (s->lossless) {
            s->low[j] = 0;
            s->step[j] = whole_step;
            continue;
        }
        if (p->rows == 0) {
            s->low[j] = s->step[j] = 0;
            continue;
        }
        double mean = p->sum[j] / rows;
        double spread = SIGMAS * sqrt(fmax(0, p->sum_squares[j] / rows - mean * mean));
        double low = fmax(p->min[j], mean - spread), high = fmin(p->max[j], mean + spread);
        double widen = margin * fmax(0, high - low);
        low = fmax(low - widen, -LARGEST);
        high = fmin(high + widen, LARGEST);
        /* centre 0: an inner product then needs nothing beside the codes */
        if (s->metric != METRIC_L2) {
            high = fmax(fabs(low), fabs(high)) * (128.0 / 127.0);
            low = -high;
        }
        double step = high > low ? (high - low) / (s->metric == METRIC_L2 ? 255 : 256) : 0;
        s->step[j] = (float)step;
        s->low[j] = s->metric == METRIC_L2 ? (float)low : -128 * s->step[j];
    }
    sq8_prepare(s);
}

static float excess(const struct sq8 *s, const float *x, const uint8_t *code, uint32_t j)
{
    const float back = s->low[j] + s->step[j] * (float)code[j];
    /* of the float arithmetic */
    const float error = fabsf(x[j] - back) - (s->lossless ? 0 : 1e-6f * fabsf(x[j]));
    return error > 0 ? error : 0;
}

/* Whether x is farther from its code than rounding explains. A sum a lane, which
 * compilers make vectors of. */
static bool clipped(const struct sq8 *s, const float *x, const uint8_t *code)
{
    float sums[LANES] = {0}, sum = 0;
    uint32_t j = 0;
    for (; j + LANES <= s->dim; j += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++) {
            const float error = excess(s, x, code, j + lane);
            sums[lane] += error * error;
        }
    for (; j < s->dim; j++)
        sum += excess(s, x, code, j) * excess(s, x, code, j);
    for (uint32_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return !(sum <= s->error_max);
}

static union code_number norm_of(const struct sq8 *s, const uint8_t *code)
{
    if (s->lossless) {
        int32_t sum = 0;
        for (uint32_t j = 0; j < s->dim; j++)
            sum += (code[j] - 128) * (code[j] - 128);
        return (union code_number){.whole = sum};
    }
    float sum = 0;
    for (uint32_t j = 0; j < s->dim; j++) {
        float d = s->step[j] * (float)(code[j] - 128);
        sum += d * d;
    }
    return (union code_number){.real = sum};
}

bool sq8_encode(const struct sq8 *s, const float *x, uint8_t *code, union code_number *ret_norm)
{
    vek.encode_u8(x, s->low, s->inverse_step, s->dim, code);
    if (s->metric == METRIC_L2)
        *ret_norm = norm_of(s, code);
    return clipped(s, x, code);
}

#define BITS_255 0x437f0000u /* of 255 as a float; those of smaller positive numbers are less */

/* Folds x, in lossless steps, to what it is, less 128; false when a code cannot say it exactly.
 * Without a way out of the loop and without comparing floats, so that compilers make vectors of
 * it. */
static bool fold_whole(struct sq8_query *q, const struct sq8 *s, const float *restrict x, int8_t *restrict weights)
{
    const float steps = s->inverse_step[0];
    uint32_t wrong = 0;
    int32_t sum = 0, squares = 0;
    for (uint32_t j = 0; j < s->dim; j++) {
        uint32_t bits, back_bits;
        float value = x[j] * steps, fits, back; /* a power of two: nothing is rounded */
        memcpy(&bits, &value, sizeof(bits));
        const uint32_t in_range = bits & -(uint32_t)(bits <= BITS_255);
        memcpy(&fits, &in_range, sizeof(fits));
        const int32_t code = (int32_t)fits, weight = code - 128;
        back = (float)code;
        memcpy(&back_bits, &back, sizeof(back_bits));
        wrong |= back_bits ^ bits;
        weights[j] = (int8_t)weight;
        sum += weight;
        squares += weight * weight;
    }
    *q = (struct sq8_query){
        .weights = weights, .bias = 128 * sum, .norm.whole = squares, .grain = s->unit, .whole = true};
    return wrong == 0;
}

void sq8_query_init(struct sq8_query *q, const struct sq8 *s, const float *x, void *room)
{
    const bool l2 = s->metric == METRIC_L2;
    int8_t *weights = room;
    float *w = (float *)((uint8_t *)room + s->stride);
    memset(weights + s->dim, 0, s->stride - s->dim);
    if (s->lossless && fold_whole(q, s, x, weights))
        return;
    memset(w + s->dim, 0, (s->stride - s->dim) * sizeof(float));
    for (uint32_t j = 0; j < s->dim; j++)
        w[j] = l2 ? x[j] - (s->low[j] + 128 * s->step[j]) : x[j];
    const float norm = l2 ? vek.ip_f32(w, w, s->dim) : 0;
    for (uint32_t j = 0; j < s->dim; j++)
        w[j] *= s->step[j];
    const struct folded folded = fold_to_bytes(w, s->stride, weights);
    *q = (struct sq8_query){.weights = weights,
                            .bias = 128 * folded.sum,
                            .scale = (l2 ? -2 : -1) * folded.unit,
                            .norm.real = norm,
                            .grain = s->lossless ? s->unit : 1};
}

void sq8_query_of_code(struct sq8_query *q, const struct sq8 *s, const uint8_t *code, union code_number norm,
                       int8_t *weights)
{
    bool l2 = s->metric == METRIC_L2;
    int32_t sum = vek.fold_u8(code, s->gain, s->stride, weights);
    *q = (struct sq8_query){.weights = weights, .bias = 128 * sum, .scale = l2 ? -2 * s->unit : -s->unit};
    q->whole = s->lossless;
    q->grain = s->lossless ? s->unit : 1;
    q->norm = norm;
}
