/* vek_scalar_half.c -- the specification of rows of 16-bit floats, and of conversions to and from
 * them.
 *
 * Conversions operate on bits, so that no compiler option and no CPU mode changes stored values. */
#include "vek_variants.h"
#include <string.h>

#define PARTS 8

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof(u));
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof(x));
    return x;
}

/* Drops the low `drop` bits, rounding to nearest, ties to even. */
static uint32_t round_off(uint32_t u, unsigned drop)
{
    return (u + ((1u << (drop - 1)) - 1) + (u >> drop & 1)) >> drop;
}

static uint16_t f16_of(float x)
{
    const uint32_t u = bits_of(x), magnitude = u & 0x7fffffff;
    const uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    if (magnitude > 0x7f800000) /* NaN: quiet, with the upper bits of its payload */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    /* 65520 and above round to infinity; the largest finite f16 is 65504 */
    if (magnitude >= 0x477ff000)
        return sign | 0x7c00;
    if (magnitude >= 0x38800000) /* 2^-14, the smallest normal f16 */
        return (uint16_t)(sign | round_off(magnitude - (112u << 23), 13));
    const unsigned exponent = magnitude >> 23;
    if (exponent < 101) /* below 2^-26: 0; other numbers round to multiples of 2^-24 */
        return sign;
    return (uint16_t)(sign | round_off((magnitude & 0x7fffff) | 0x800000, 126 - exponent));
}

static float of_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
    if (magnitude >= 0x7c00) /* infinity, or NaN made quiet */
        return float_of(sign | 0x7f800000 | magnitude << 13 | (magnitude > 0x7c00 ? 0x400000 : 0));
    if (magnitude >= 0x400)
        return float_of(sign | ((magnitude << 13) + (112u << 23)));
    return sign ? -(float)magnitude * 0x1p-24f : (float)magnitude * 0x1p-24f;
}

static uint16_t bf16_of(float x)
{
    const uint32_t u = bits_of(x);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)round_off(u, 16);
}

static float of_bf16(uint16_t b)
{
    return float_of((uint32_t)b << 16);
}

static void f16_of_f32(const float *x, size_t n, uint16_t *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = f16_of(x[i]);
}

static void f32_of_f16(const uint16_t *x, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = of_f16(x[i]);
}

static void bf16_of_f32(const float *x, size_t n, uint16_t *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = bf16_of(x[i]);
}

static void f32_of_bf16(const uint16_t *x, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = of_bf16(x[i]);
}

static inline float term(int l2, float q, float x)
{
    return l2 ? (q - x) * (q - x) : q * x;
}

static inline void rows_half(int l2, float (*of)(uint16_t), const float *query, const void *const *rows, size_t count,
                             size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++) {
        const uint16_t *row = rows[r];
        float part[PARTS] = {0};
        for (size_t i = 0; i < n; i++)
            part[i % PARTS] += term(l2, query[i], of(row[i]));
        ret[r] = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    }
}

static void ip_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(0, of_f16, query, rows, count, n, ret);
}

static void l2_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(1, of_f16, query, rows, count, n, ret);
}

static void ip_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(0, of_bf16, query, rows, count, n, ret);
}

static void l2_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(1, of_bf16, query, rows, count, n, ret);
}

void vek_scalar_half(struct vek_kernels *v)
{
    v->f16_of_f32 = f16_of_f32;
    v->f32_of_f16 = f32_of_f16;
    v->bf16_of_f32 = bf16_of_f32;
    v->f32_of_bf16 = f32_of_bf16;
    v->ip_f16_rows = ip_f16_rows;
    v->l2_f16_rows = l2_f16_rows;
    v->ip_bf16_rows = ip_bf16_rows;
    v->l2_bf16_rows = l2_bf16_rows;
}
