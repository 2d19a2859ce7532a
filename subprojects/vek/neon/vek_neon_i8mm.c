/* vek_neon_i8mm.c -- products of signed and unsigned bytes by USDOT, four rows at a
 * time (AArch64 I8MM). */
#include "vek_variants.h"
#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE uint8x16_t bytes_at(const void *p, size_t i)
{
    return vld1q_u8((const uint8_t *)p + i);
}

/* The last bytes of n, with zeros behind them. */
INLINE uint8x16_t tail_at(const void *p, size_t i, size_t n)
{
    uint8_t bytes[16] = {0};
    memcpy(bytes, (const uint8_t *)p + i, n - i);
    return vld1q_u8(bytes);
}

INLINE int32x4_t add_bytes(int32x4_t s, bool signed_query, uint8x16_t query, uint8x16_t row)
{
    return signed_query ? vusdotq_s32(s, row, vreinterpretq_s8_u8(query))
                        : vusdotq_s32(s, query, vreinterpretq_s8_u8(row));
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
    const int32x4_t zero = vdupq_n_s32(0);
    for (size_t r = 0; r < count; r += 4) {
        int32x4_t s[4] = {zero, zero, zero, zero};
        if (r + 4 <= count) {
            dot4(signed_query, query, rows + r, 4, n, s);
            vst1q_s32(ret + r, vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3])));
            continue;
        }
        dot4(signed_query, query, rows + r, count - r, n, s);
        for (size_t j = r; j < count; j++)
            ret[j] = vaddvq_s32(s[j - r]);
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

void vek_neon_i8mm(struct vek_kernels *v)
{
    v->dot_s8_u8_rows = dot_s8_u8_rows;
    v->dot_u8_s8_rows = dot_u8_s8_rows;
}
