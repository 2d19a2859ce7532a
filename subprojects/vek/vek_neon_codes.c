/* vek_neon_codes.c -- codes of fewer than 8 bits (AArch64 Advanced SIMD).
 *
 * A 4-bit code is also a small signed byte; eight products of it with a signed byte, at least -15 * 128 each, fit 16 bits. */
#include "vek_variants.h"
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int16x8_t add_s8(int16x8_t sum, int8x16_t codes, const int8_t *query)
{
    int8x16_t q = vld1q_s8(query);
    return vmlal_high_s8(vmlal_s8(sum, vget_low_s8(codes), vget_low_s8(q)), codes, q);
}

static int32_t dot_s8_u4(const int8_t *query, const uint8_t *row, size_t n)
{
    const uint8x16_t low = vdupq_n_u8(15);
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < n; i += 128) {
        for (size_t j = 0; j < 64; j += 32) {
            uint8x16_t a = vld1q_u8(row + i / 2 + j), b = vld1q_u8(row + i / 2 + j + 16);
            const int8_t *q = query + i + j;
            int16x8_t s = add_s8(vdupq_n_s16(0), vreinterpretq_s8_u8(vandq_u8(a, low)), q);
            s = add_s8(s, vreinterpretq_s8_u8(vandq_u8(b, low)), q + 16);
            s = add_s8(s, vreinterpretq_s8_u8(vshrq_n_u8(a, 4)), q + 64);
            s = add_s8(s, vreinterpretq_s8_u8(vshrq_n_u8(b, 4)), q + 80);
            sum = vpadalq_s16(sum, s);
        }
    }
    return vaddvq_s32(sum);
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_u4(query, rows[r], n);
}

void vek_neon_codes(struct vek_kernels *v)
{
    v->dot_s8_u4_rows = dot_s8_u4_rows;
}
