/* vek_neon_dot.c -- products of codes by SDOT, four rows at a time (AArch64 dot product extension).
 *
 * SDOT multiplies signed bytes. A code of fewer than 8 bits is also a small signed byte. An
 * unsigned byte u equals the signed byte u ^ 0x80 plus 128. So 128 times the sum of the other
 * factor is added to correct the product. */
#include "vek_variants.h"
#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int32x4_t sum4(const int32x4_t s[4])
{
    return vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3]));
}

INLINE int8x16_t bytes_at(const void *p, size_t i)
{
    return vld1q_s8((const int8_t *)p + i);
}

/* The last bytes of n, with zeros behind them. */
INLINE int8x16_t tail_at(const void *p, size_t i, size_t n)
{
    int8_t bytes[16] = {0};
    memcpy(bytes, (const int8_t *)p + i, n - i);
    return vld1q_s8(bytes);
}

/* signed_query: the query is signed and the rows are unsigned; otherwise the reverse. */
INLINE int32x4_t add_bytes(int32x4_t s, bool signed_query, int8x16_t query, int8x16_t row)
{
    const int8x16_t top = vdupq_n_s8(-128);
    if (signed_query)
        return vdotq_s32(s, query, veorq_s8(row, top));
    s = vdotq_s32(s, row, veorq_s8(query, top));
    /* twice 64, because 128 is not a signed byte */
    return vdotq_s32(vdotq_s32(s, row, vdupq_n_s8(64)), row, vdupq_n_s8(64));
}

INLINE int32_t sum_bytes(const int8_t *x, size_t n)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        s = vdotq_s32(s, bytes_at(x, i), vdupq_n_s8(1));
    if (i < n)
        s = vdotq_s32(s, tail_at(x, i, n), vdupq_n_s8(1));
    return vaddvq_s32(s);
}

INLINE void dot4(bool signed_query, const void *query, const void *const *rows, size_t count, size_t n, int32x4_t s[4])
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t r = 0; r < count; r++)
            s[r] = add_bytes(s[r], signed_query, bytes_at(query, i), bytes_at(rows[r], i));
    if (i < n)
        for (size_t r = 0; r < count; r++)
            s[r] = add_bytes(s[r], signed_query, tail_at(query, i, n), tail_at(rows[r], i, n));
}

INLINE void rows_dot(bool signed_query, const void *query, const void *const *rows, size_t count, size_t n,
                     int32_t *ret)
{
    const int32x4_t zero = vdupq_n_s32(0), more = vdupq_n_s32(signed_query ? 128 * sum_bytes(query, n) : 0);
    for (size_t r = 0; r < count; r += 4) {
        int32x4_t s[4] = {zero, zero, zero, zero};
        if (r + 4 <= count) {
            dot4(signed_query, query, rows + r, 4, n, s);
            vst1q_s32(ret + r, vaddq_s32(sum4(s), more));
            continue;
        }
        dot4(signed_query, query, rows + r, count - r, n, s);
        for (size_t j = r; j < count; j++)
            ret[j] = vaddvq_s32(s[j - r]) + vgetq_lane_s32(more, 0);
    }
}

static void dot_s8_u8_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    rows_dot(true, query, rows, count, n, ret);
}

static void dot_u8_s8_rows(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    rows_dot(false, query, rows, count, n, ret);
}

INLINE int32x4_t add_u4(int32x4_t s, const int8_t *query, const uint8_t *row)
{
    const uint8x16_t codes = vld1q_u8(row);
    s = vdotq_s32(s, bytes_at(query, 0), vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15))));
    return vdotq_s32(s, bytes_at(query, 64), vreinterpretq_s8_u8(vshrq_n_u8(codes, 4)));
}

INLINE int32x4_t add_u2(int32x4_t s, const int8_t *query, const uint8_t *row)
{
    const uint8x16_t codes = vld1q_u8(row), low = vdupq_n_u8(3);
    s = vdotq_s32(s, bytes_at(query, 0), vreinterpretq_s8_u8(vandq_u8(codes, low)));
    s = vdotq_s32(s, bytes_at(query, 32), vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(codes, 2), low)));
    s = vdotq_s32(s, bytes_at(query, 64), vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(codes, 4), low)));
    return vdotq_s32(s, bytes_at(query, 96), vreinterpretq_s8_u8(vshrq_n_u8(codes, 6)));
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++) {
        int32x4_t a = vdupq_n_s32(0), b = a, c = a, d = a;
        for (size_t i = 0; i < n; i += 128) {
            const uint8_t *row = (const uint8_t *)rows[r] + i / 2;
            a = add_u4(a, query + i, row);
            b = add_u4(b, query + i + 16, row + 16);
            c = add_u4(c, query + i + 32, row + 32);
            d = add_u4(d, query + i + 48, row + 48);
        }
        ret[r] = vaddvq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)));
    }
}

static void dot_s8_u2_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++) {
        int32x4_t a = vdupq_n_s32(0), b = a;
        for (size_t i = 0; i < n; i += 128) {
            const uint8_t *row = (const uint8_t *)rows[r] + i / 4;
            a = add_u2(a, query + i, row);
            b = add_u2(b, query + i + 16, row + 16);
        }
        ret[r] = vaddvq_s32(vaddq_s32(a, b));
    }
}

void vek_neon_dot(struct vek_kernels *v)
{
    v->dot_s8_u8_rows = dot_s8_u8_rows;
    v->dot_u8_s8_rows = dot_u8_s8_rows;
    v->dot_s8_u4_rows = dot_s8_u4_rows;
    v->dot_s8_u2_rows = dot_s8_u2_rows;
}
