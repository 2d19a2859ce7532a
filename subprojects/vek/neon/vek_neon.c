/* vek_neon.c -- floats and bytes, 16 bytes at a time (AArch64 Advanced SIMD, which every AArch64
 * CPU has). */
#include "vek_variants.h"
#include <arm_neon.h>
#include <math.h>
#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float32x4_t term(bool l2, float32x4_t sum, float32x4_t a, float32x4_t b)
{
    if (!l2)
        return vfmaq_f32(sum, a, b);
    float32x4_t d = vsubq_f32(a, b);
    return vfmaq_f32(sum, d, d);
}

INLINE float one_f32(bool l2, const float *a, const float *b, size_t n)
{
    float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = term(l2, s0, vld1q_f32(a + i), vld1q_f32(b + i));
        s1 = term(l2, s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));
        s2 = term(l2, s2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));
        s3 = term(l2, s3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));
    }
    float sum = vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
    for (; i < n; i++)
        sum += l2 ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * b[i];
    return sum;
}

static float ip_f32(const float *a, const float *b, size_t n)
{
    return one_f32(false, a, b, n);
}

static float l2_f32(const float *a, const float *b, size_t n)
{
    return one_f32(true, a, b, n);
}

static void ip_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_f32(false, query, rows[r], n);
}

static void l2_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_f32(true, query, rows[r], n);
}

INLINE int32_t dot(const int8_t *s, const uint8_t *u, size_t n)
{
    int32x4_t s0 = vdupq_n_s32(0), s1 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        int8x16_t a = vld1q_s8(s + i);
        uint8x16_t b = vld1q_u8(u + i);
        int16x8_t al = vmovl_s8(vget_low_s8(a)), ah = vmovl_high_s8(a);
        int16x8_t bl = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(b)));
        int16x8_t bh = vreinterpretq_s16_u16(vmovl_high_u8(b));
        s0 = vmlal_s16(s0, vget_low_s16(al), vget_low_s16(bl));
        s1 = vmlal_high_s16(s1, al, bl);
        s0 = vmlal_s16(s0, vget_low_s16(ah), vget_low_s16(bh));
        s1 = vmlal_high_s16(s1, ah, bh);
    }
    int32_t sum = vaddvq_s32(vaddq_s32(s0, s1));
    for (; i < n; i++)
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
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        float32x4_t a = vmulq_f32(vsubq_f32(vld1q_f32(x + i), vld1q_f32(low + i)), vld1q_f32(inverse_step + i));
        float32x4_t b =
            vmulq_f32(vsubq_f32(vld1q_f32(x + i + 4), vld1q_f32(low + i + 4)), vld1q_f32(inverse_step + i + 4));
        int16x8_t v = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a)), vqmovn_s32(vcvtnq_s32_f32(b)));
        vst1_u8(ret + i, vqmovun_s16(v));
    }
    for (; i < n; i++) {
        float v = rintf((x[i] - low[i]) * inverse_step[i]);
        ret[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static int32_t fold_u8(const uint8_t *codes, const float *gain, size_t n, int8_t *ret)
{
    int32_t sum = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t u = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(vld1_u8(codes + i))), vdupq_n_s16(128));
        float32x4_t a = vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(u))), vld1q_f32(gain + i));
        float32x4_t b = vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(u)), vld1q_f32(gain + i + 4));
        int8x8_t w = vqmovn_s16(vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a)), vqmovn_s32(vcvtnq_s32_f32(b))));
        sum += vaddlv_s8(w);
        vst1_s8(ret + i, w);
    }
    for (; i < n; i++) {
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

void vek_neon(struct vek_kernels *v)
{
    v->name = "neon";
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
