/* code_rabitq.c -- RaBitQ: 1 to 8 bits a dimension after a random rotation, with a bound on the
 * error (Gao & Long, SIGMOD 2024; more bits: Gao et al., SIGMOD 2025).
 *
 * r = P(x - c) is a row about the centre of all, rotated. Its code u says v = u - (2^bits - 1) / 2,
 * a vector of about its direction, and with s = P(q - c)
 *     <r, s>  is about  <v, s> |r|^2 / <r, v>
 * without bias, and wrong by more than error * |s| only as often as a normal variable exceeds
 * BOUND_SIGMAS deviations. So
 *     L2 = |r|^2 + |s|^2 - 2 <r, s>         IP = <c, q> + <r', c> + <r, s>       r' = x - c
 * (COSINE: half of L2) is add + rescale * <v, s> and something of the query, with three numbers a
 * row, which lie behind its code.
 *
 * Of 8 bits only 255 levels are used, v = u - 128 from -127 to 127: so a row's own v are signed
 * bytes, and rows are compared with rows without rounding either again. */
#include "vectors/codes/codes_internal.h"

#include "base/memory.h"
#include "vectors/codes/fold.h"
#include "vectors/codes/rotation.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_SIGMAS 1.9f
/* rounding a query to bytes errs like so much of an angle: 1/127 of 4 deviations, halved, / sqrt
 * 3 */
#define QUERY_ANGLE 0.009f

struct rabitq {
    uint64_t *flips;     /* of the rotation; owned */
    float *centre;       /* of all rows; owned */
    float centre_square; /* |centre|^2 */
};

struct factors {
    float add, rescale, error;
};

/* The step between levels, in standard deviations, that is best for a normal
 * distribution (Max, 1960). */
static const float normal_step[CODE_BITS_MAX + 1] = {0,       1.596f,  0.9957f, 0.5860f, 0.3352f,
                                                     0.1881f, 0.1041f, 0.0569f, 0.0308f};
/* Tried for each row. */
static const float step_tries[] = {0.82f, 0.91f, 1, 1.1f, 1.21f};

/* What the squared distance is multiplied with; 0 for inner products. */
static float of_square(const struct codes *c)
{
    return c->metric == METRIC_L2 ? 1 : c->metric == METRIC_COSINE ? 0.5f : 0;
}

/* What <r, s> is multiplied with. */
static float of_product(const struct codes *c)
{
    return c->metric == METRIC_L2 ? -2 : -1;
}

/* Twice the level that stands for zero. */
static int32_t twice_middle(unsigned bits)
{
    return bits == 8 ? 256 : (1 << bits) - 1;
}

static uint32_t code_bytes(const struct codes *c)
{
    return rotation_dims(c->dim) * c->bits / 8;
}

/* A row never straddles more cache lines than it must. */
static uint32_t stride(uint32_t dim, unsigned bits)
{
    const uint32_t bytes = rotation_dims(dim) * bits / 8 + (uint32_t)sizeof(struct factors);
    return bytes <= 32 ? 32 : rows_stride(bytes);
}

static uint64_t state_bytes(uint32_t dim, unsigned bits)
{
    const uint32_t dims = rotation_dims(dim);
    return sizeof(struct rabitq) + rotation_bytes(dims) + dims * sizeof(float);
}

/* A rotated row, and two codes of a byte a dimension. */
static size_t work_bytes(uint32_t dim)
{
    return rotation_dims(dim) * (sizeof(float) + 2);
}

static void fini(struct codes *c)
{
    struct rabitq *s = c->state;
    free(s->flips);
    free(s->centre);
    free(s);
}

static int init(struct codes *c)
{
    const uint32_t dims = rotation_dims(c->dim);
    struct rabitq *s = c->state = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->flips = rotation_flips(dims);
    s->centre = memory_aligned(dims * sizeof(float));
    if (s->flips && s->centre)
        return 0;
    fini(c);
    return -ENOMEM;
}

static int train(struct codes *c, const struct codes_training *t)
{
    struct rabitq *s = c->state;
    for (uint32_t j = 0; j < c->dim; j++)
        s->centre[j] = t->sample->rows ? (float)(t->sample->sum[j] / t->sample->rows) : 0;
    s->centre_square = vek.ip_f32(s->centre, s->centre, c->dim);
    return 0;
}

/* P(x - c), |x - c|^2 and <x - c, c>. */
static void rotate(const struct codes *c, const float *x, float *ret, float *ret_square, float *ret_on_centre)
{
    const struct rabitq *s = c->state;
    const uint32_t dims = rotation_dims(c->dim);
    for (uint32_t j = 0; j < c->dim; j++)
        ret[j] = x[j] - s->centre[j];
    memset(ret + c->dim, 0, (dims - c->dim) * sizeof(float));
    *ret_square = vek.ip_f32(ret, ret, c->dim);
    *ret_on_centre = vek.ip_f32(ret, s->centre, c->dim);
    rotation_apply(s->flips, dims, ret);
}

/* What the nearest levels at this step make of r: <r, v> and |v|^2. Levels are at
 * (u - middle) * step. */
static void quantise(const float *r, uint32_t dims, unsigned bits, float inverse_step, uint8_t *u, float *ret_product,
                     float *ret_square)
{
    const float least = bits == 8 ? 1 : 0, top = (float)((1 << bits) - 1), middle = (float)twice_middle(bits) / 2;
    float product = 0, square = 0;
    for (uint32_t j = 0; j < dims; j++) {
        float level = r[j] * inverse_step + middle;
        level = level < least ? least : level > top ? top : level;
        u[j] = (uint8_t)(int)(level + 0.5f);
        const float v = (float)u[j] - middle;
        product += r[j] * v;
        square += v * v;
    }
    *ret_product = product;
    *ret_square = square;
}

/* Chooses u among a few steps, by the angle between r and v; returns <r, v> and |v|^2 of it. */
static void choose(const struct codes *c, const float *r, float square, uint8_t *best, uint8_t *u, float *ret_product,
                   float *ret_length)
{
    const uint32_t dims = rotation_dims(c->dim);
    const float inverse = square > 0 ? sqrtf((float)dims / square) / normal_step[c->bits] : 0;
    const unsigned tries = c->bits == 1 ? 1 : ARRAY_LEN(step_tries); /* signs know no step */
    float best_cosine = -1;
    for (unsigned i = 0; i < tries; i++) {
        float product, length;
        quantise(r, dims, c->bits, inverse * step_tries[i], u, &product, &length);
        const float cosine = product / sqrtf(length);
        if (i > 0 && cosine <= best_cosine)
            continue;
        best_cosine = cosine;
        *ret_product = product;
        *ret_length = length;
        memcpy(best, u, dims);
    }
}

static bool encode(const struct codes *c, const float *x, void *code, void *norm, void *work)
{
    const uint32_t dims = rotation_dims(c->dim);
    float *r = work, square, on_centre, product, length;
    uint8_t *u = (uint8_t *)(r + dims), *best = u + dims;
    rotate(c, x, r, &square, &on_centre);
    choose(c, r, square, best, u, &product, &length);
    vek_pack_bits(best, dims, c->bits, code);
    struct factors f = {.add = c->metric == METRIC_IP ? -on_centre : of_square(c) * square};
    if (product > 0) {
        const float tangent = sqrtf(fmaxf(square * length / (product * product) - 1, 0) + QUERY_ANGLE * QUERY_ANGLE);
        f.rescale = of_product(c) * square / product;
        f.error = -of_product(c) * BOUND_SIGMAS * sqrtf(square / (float)(dims - 1)) * tangent;
    }
    memcpy((uint8_t *)code + code_bytes(c), &f, sizeof(f));
    return !(isfinite(f.add) && isfinite(f.rescale) && isfinite(f.error));
}

static const struct factors *factors_of(const struct codes *c, const void *row)
{
    return (const struct factors *)((const uint8_t *)row + code_bytes(c));
}

static void score(const struct codes_query *q, const void *const *rows, const uint32_t *ids, uint32_t count, float *ret)
{
    const struct codes *c = q->codes;
    int32_t dots[DOTS];
    for (uint32_t from = 0; from < count; from += DOTS) {
        uint32_t n = count - from < DOTS ? count - from : DOTS;
        vek_dot_s8_bits_rows(q->folded, rows + from, n, rotation_dims(c->dim), c->bits, dots);
        for (uint32_t i = 0; i < n; i++) {
            const struct factors *f = factors_of(c, rows[from + i]);
            ret[from + i] = f->add + f->rescale * q->scale * (float)(2 * (int64_t)dots[i] - q->bias) + q->add.real;
        }
    }
}

static float bound(const struct codes_query *q, const void *row, float distance)
{
    return distance - factors_of(q->codes, row)->error * q->factor;
}

static const float *centre_of(const struct codes *c)
{
    return ((const struct rabitq *)c->state)->centre;
}

/* The weights, and room to rotate in. */
static size_t query_bytes(const struct codes *c)
{
    return rotation_dims(c->dim) * (1 + sizeof(float));
}

static void query_init(struct codes_query *q, const struct codes *c, const float *x, void *room)
{
    const uint32_t dims = rotation_dims(c->dim);
    int8_t *weights = room;
    float *rotated = (float *)(weights + dims), square, on_centre;
    rotate(c, x, rotated, &square, &on_centre);
    const struct folded folded = fold_to_bytes(rotated, dims, weights);
    q->folded = weights;
    q->bias = folded.sum * twice_middle(c->bits);
    q->scale = folded.unit / 2;
    q->factor = sqrtf(square);
    q->add.real = c->metric == METRIC_IP ? -vek.ip_f32(x, centre_of(c), c->dim) : of_square(c) * square;
    q->score = score;
    q->bound = bound;
}

/* -- rows against rows, of 8 bits -- */

/* Writes v of a row as weights; returns their sum. */
static int32_t weights_of(const uint8_t *code, uint32_t dims, int8_t *weights)
{
    int32_t sum = 0;
    for (uint32_t j = 0; j < dims; j++) {
        weights[j] = (int8_t)(code[j] - 128);
        sum += weights[j];
    }
    return sum;
}

static void fold_row(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret)
{
    const struct rabitq *s = c->state;
    const struct factors *f = factors_of(c, codes_at(c, row));
    const int32_t sum = weights_of(codes_at(c, row), rotation_dims(c->dim), weights);
    *ret = (struct folded_row){.bias = sum * twice_middle(c->bits),
                               /* the half of what v is multiplied with */
                               .scale = f->rescale / of_product(c) / 2,
                               .add.real = f->add - (c->metric == METRIC_IP ? s->centre_square : 0)};
}

static void row_query(struct codes_query *q, const struct codes *c, uint32_t row, void *weights)
{
    struct folded_row folded;
    fold_row(c, row, weights, &folded);
    q->folded = weights;
    q->bias = folded.bias;
    q->scale = folded.scale;
    q->add = folded.add;
    q->score = score;
}

static void between(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret)
{
    const struct factors *f = factors_of(c, code);
    int32_t dots[FOLDED_MAX];
    vek.dot_u8_s8_rows(code, weights, n, rotation_dims(c->dim), dots);
    for (uint32_t i = 0; i < n; i++)
        ret[i] =
            f->add + folded[i].add.real + f->rescale * folded[i].scale * (float)(2 * (int64_t)dots[i] - folded[i].bias);
}

/* The centre. */
static uint32_t params_count(const struct codes *c)
{
    return c->dim;
}

static void params_write(const struct codes *c, float *params)
{
    memcpy(params, centre_of(c), c->dim * sizeof(float));
}

static const char *params_open(struct codes *c, const float *params)
{
    struct rabitq *s = c->state;
    for (uint32_t j = 0; j < c->dim; j++)
        if (!isfinite(params[j]))
            return "the centre holds no numbers";
    memcpy(s->centre, params, c->dim * sizeof(float));
    s->centre_square = vek.ip_f32(s->centre, s->centre, c->dim);
    return NULL;
}

static const char *const names[CODE_BITS_MAX + 1] = {"rabitq",  "rabitq1", "rabitq2", "rabitq3", "rabitq4",
                                                     "rabitq5", "rabitq6", "rabitq7", "rabitq8"};

const struct code_ops code_rabitq = {
    .name = "rabitq",
    .names = names,
    .bits_max = CODE_BITS_MAX,
    .bits_default = 4, /* the fewest bits whose order is nearly that of the vectors */
    .refine_k = {0, 8, 3, 3, 1.5f, 1.5f, 1.5f, 1.5f, 1.5f},
    .stride = stride,
    .init = init,
    .fini = fini,
    .state_bytes = state_bytes,
    .train = train,
    .params_count = params_count,
    .params_write = params_write,
    .params_open = params_open,
    .work_bytes = work_bytes,
    .encode = encode,
    .query_bytes = query_bytes,
    .query_init = query_init,
    .row_query = row_query,
    .fold_row = fold_row,
    .between = between,
};
