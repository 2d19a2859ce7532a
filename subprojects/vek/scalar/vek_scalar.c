/* vek_scalar.c -- the specification: every kernel in plain C, for every CPU.
 *
 * Sums of floats have eight partial sums. That reduces the rounding error of a long sum, and the
 * compiler can use the baseline's vector registers. */
#include "vek_variants.h"
#include <math.h>

#define PARTS 8

static float ip_f32(const float *a, const float *b, size_t n)
{
    float part[PARTS] = {0};
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t p = 0; p < PARTS; p++)
            part[p] += a[i + p] * b[i + p];
    for (; i < n; i++)
        part[0] += a[i] * b[i];
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

static float l2_f32(const float *a, const float *b, size_t n)
{
    float part[PARTS] = {0};
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS) {
        for (size_t p = 0; p < PARTS; p++) {
            float d = a[i + p] - b[i + p];
            part[p] += d * d;
        }
    }
    for (; i < n; i++)
        part[0] += (a[i] - b[i]) * (a[i] - b[i]);
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

static void ip_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = ip_f32(query, rows[r], n);
}

static void l2_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = l2_f32(query, rows[r], n);
}

static int32_t dot(const int8_t *s, const uint8_t *u, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i] * u[i];
    return sum;
}

static void dot_s8_u8_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot(query, rows[r], n);
}

static void dot_u8_s8_rows(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot(rows[r], query, n);
}

static void encode_u8(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        float v = rintf((x[i] - low[i]) * inverse_step[i]);
        ret[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static int32_t fold_u8(const uint8_t *codes, const float *gain, size_t n, int8_t *ret)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        float v = rintf((float)(codes[i] - 128) * gain[i]);
        ret[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
        sum += ret[i];
    }
    return sum;
}

static uint64_t count_bits(const uint64_t *words, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)__builtin_popcountll(words[i]);
    return sum;
}

void vek_scalar(struct vek_kernels *v)
{
    v->name = "scalar";
    v->ip_f32 = ip_f32;
    v->l2_f32 = l2_f32;
    v->ip_f32_rows = ip_f32_rows;
    v->l2_f32_rows = l2_f32_rows;
    v->dot_s8_u8_rows = dot_s8_u8_rows;
    v->dot_u8_s8_rows = dot_u8_s8_rows;
    v->encode_u8 = encode_u8;
    v->fold_u8 = fold_u8;
    v->count_bits = count_bits;
}
