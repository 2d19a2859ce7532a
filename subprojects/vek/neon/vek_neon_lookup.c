/* vek_neon_lookup.c -- sums of table lookups: TBL does 16 lookups in a table of 16. */
#include "vek_variants.h"
#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))

#define BYTES_PER_SUM 256 /* the sum of so many bytes is below 2^16, as each adds at most 254 */

/* Adds the sums of bytes [from, to) of 16 rows to sum[k], for rows 4 k to 4 k + 3. */
INLINE void add_bytes(const struct vek_lookup *q, const uint8_t *codes, size_t from, size_t to, uint32x4_t sum[4])
{
    const uint8x16_t low = vdupq_n_u8(15);
    uint16x8_t first = vdupq_n_u16(0), second = first;
    for (size_t i = from; i < to; i++) {
        const uint8x16_t code = vld1q_u8(codes + 64 * i);
        const uint8x16_t a = vqtbl1q_u8(vld1q_u8(q->tables + 32 * i), vandq_u8(code, low));
        const uint8x16_t b = vqtbl1q_u8(vld1q_u8(q->tables + 32 * i + 16), vshrq_n_u8(code, 4));
        const uint8x16_t both = vaddq_u8(a, b);
        first = vaddw_u8(first, vget_low_u8(both));
        second = vaddw_u8(second, vget_high_u8(both));
    }
    sum[0] = vaddw_u16(sum[0], vget_low_u16(first));
    sum[1] = vaddw_u16(sum[1], vget_high_u16(first));
    sum[2] = vaddw_u16(sum[2], vget_low_u16(second));
    sum[3] = vaddw_u16(sum[3], vget_high_u16(second));
}

INLINE float32x4_t floats_at(const uint16_t *bf16)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16(bf16)), 16));
}

static uint64_t lookup_16(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    static const uint32_t bit[4] = {1, 2, 4, 8};
    uint32x4_t sum[4] = {vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0)};
    for (size_t from = 0; from < q->bytes; from += BYTES_PER_SUM)
        add_bytes(q, codes, from, q->bytes - from < BYTES_PER_SUM ? q->bytes : from + BYTES_PER_SUM, sum);
    uint64_t near = 0;
    for (size_t k = 0; k < 4; k++) {
        const float32x4_t s = vcvtq_f32_s32(vreinterpretq_s32_u32(sum[k]));
        const float32x4_t dot = vaddq_f32(vmulq_n_f32(s, q->scale), vdupq_n_f32(q->bias));
        const float32x4_t d = vaddq_f32(floats_at(numbers + 4 * k), vmulq_f32(floats_at(numbers + 64 + 4 * k), dot));
        const uint32x4_t is_near = vcltq_f32(d, vdupq_n_f32(below));
        near |= (uint64_t)vaddvq_u32(vandq_u32(is_near, vld1q_u32(bit))) << (4 * k);
    }
    return near;
}

static uint64_t lookup_b1_64(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    uint64_t near = 0;
    for (size_t part = 0; part < 64; part += 16)
        near |= lookup_16(q, codes + part, numbers + part, below) << part;
    return near;
}

void vek_neon_lookup(struct vek_kernels *v)
{
    v->lookup_b1_64 = lookup_b1_64;
}
