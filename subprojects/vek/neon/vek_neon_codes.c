/* vek_neon_codes.c -- codes of fewer than 8 bits (AArch64 Advanced SIMD).
 *
 * A 4-bit code is also a small signed byte. Eight products of such a code and a signed byte, each
 * at least -15 * 128, fit 16 bits. */
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

static int32_t dot_s8_u2(const int8_t *query, const uint8_t *row, size_t n)
{
    const uint8x16_t low = vdupq_n_u8(3);
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < n; i += 128) {
        for (size_t j = 0; j < 32; j += 16) {
            uint8x16_t a = vld1q_u8(row + i / 4 + j);
            const int8_t *q = query + i + j;
            int16x8_t s = add_s8(vdupq_n_s16(0), vreinterpretq_s8_u8(vandq_u8(a, low)), q);
            s = add_s8(s, vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(a, 2), low)), q + 32);
            s = add_s8(s, vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(a, 4), low)), q + 64);
            s = add_s8(s, vreinterpretq_s8_u8(vshrq_n_u8(a, 6)), q + 96);
            sum = vpadalq_s16(sum, s);
        }
    }
    return vaddvq_s32(sum);
}

static void dot_s8_u2_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_u2(query, rows[r], n);
}

static int32_t dot_s8_b1(const int8_t *query, const uint8_t *row, size_t n)
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < n; i += 128) {
        int16x8_t s = vdupq_n_s16(0);
        for (size_t j = 0; j < 128; j += 16) {
            const uint8_t *p = row + (i + j) / 8;
            uint8x16_t set = vtstq_u8(vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1])), bit);
            s = vpadalq_s8(s, vandq_s8(vld1q_s8(query + i + j), vreinterpretq_s8_u8(set)));
        }
        sum = vpadalq_s16(sum, s);
    }
    return vaddvq_s32(sum);
}

static void dot_s8_b1_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_b1(query, rows[r], n);
}

/* Counts 64 bits against the four planes; a byte reaches 8 * 15 at most. */
INLINE uint16x4_t count_word(const uint8_t *row, const uint64_t *planes, size_t words)
{
    const uint8x8_t bits = vld1_u8(row);
    uint8x8_t sum = vdup_n_u8(0);
    for (size_t p = 4; p-- > 0;)
        sum = vadd_u8(vadd_u8(sum, sum), vcnt_u8(vand_u8(bits, vreinterpret_u8_u64(vld1_u64(planes + p * words)))));
    return vpaddl_u8(sum);
}

static void dot_u4_b1_rows(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const size_t words = n / 64;
    for (size_t r = 0; r < count; r++) {
        uint32x2_t sum = vdup_n_u32(0);
        for (size_t i = 0; i < words; i++)
            sum = vpadal_u16(sum, count_word((const uint8_t *)rows[r] + 8 * i, planes + i, words));
        ret[r] = (int32_t)vaddv_u32(sum);
    }
}

void vek_neon_codes(struct vek_kernels *v)
{
    v->dot_s8_u2_rows = dot_s8_u2_rows;
    v->dot_s8_b1_rows = dot_s8_b1_rows;
    v->dot_u4_b1_rows = dot_u4_b1_rows;
    v->dot_s8_u4_rows = dot_s8_u4_rows;
}
