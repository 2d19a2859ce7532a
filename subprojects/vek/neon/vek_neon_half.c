/* vek_neon_half.c -- rows of 16-bit floats (AArch64 Advanced SIMD).
 *
 * A last part of fewer than 4 dimensions is copied into a buffer with zeros behind it. */
#include "vek_variants.h"
#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float32x4_t term(bool l2, float32x4_t sum, float32x4_t a, float32x4_t b)
{
    if (!l2)
        return vfmaq_f32(sum, a, b);
    float32x4_t d = vsubq_f32(a, b);
    return vfmaq_f32(sum, d, d);
}

INLINE float32x4_t load(bool bf16, const uint16_t *p)
{
    uint16x4_t h = vld1_u16(p);
    return bf16 ? vreinterpretq_f32_u32(vshll_n_u16(h, 16)) : vcvt_f32_f16(vreinterpret_f16_u16(h));
}

INLINE float one_half(bool l2, bool bf16, const float *query, const uint16_t *row, size_t n)
{
    float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = term(l2, s0, vld1q_f32(query + i), load(bf16, row + i));
        s1 = term(l2, s1, vld1q_f32(query + i + 4), load(bf16, row + i + 4));
        s2 = term(l2, s2, vld1q_f32(query + i + 8), load(bf16, row + i + 8));
        s3 = term(l2, s3, vld1q_f32(query + i + 12), load(bf16, row + i + 12));
    }
    for (; i + 4 <= n; i += 4)
        s0 = term(l2, s0, vld1q_f32(query + i), load(bf16, row + i));
    if (i < n) {
        float q[4] = {0};
        uint16_t x[4] = {0};
        memcpy(q, query + i, (n - i) * sizeof(q[0]));
        memcpy(x, row + i, (n - i) * sizeof(x[0]));
        s1 = term(l2, s1, vld1q_f32(q), load(bf16, x));
    }
    return vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
}

static void ip_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(false, false, query, rows[r], n);
}

static void l2_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(true, false, query, rows[r], n);
}

static void ip_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(false, true, query, rows[r], n);
}

static void l2_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(true, true, query, rows[r], n);
}

void vek_neon_half(struct vek_kernels *v)
{
    /* conversions stay in plain C, because they run once for each vector, not for each row */
    v->ip_f16_rows = ip_f16_rows;
    v->l2_f16_rows = l2_f16_rows;
    v->ip_bf16_rows = ip_bf16_rows;
    v->l2_bf16_rows = l2_bf16_rows;
}
