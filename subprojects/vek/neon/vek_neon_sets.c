/* vek_neon_sets.c -- reads sets, with one table lookup for the lower bits of four numbers (AArch64
 * Advanced SIMD). */
#include "vek_variants.h"
#include <arm_neon.h>
#include <string.h>

/* Writes the upper parts, already shifted; returns their number. */
static uint32_t read_upper(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret)
{
    uint32_t n = 0;
    for (uint32_t w = 0; w < s->words; w++) {
        uint64_t word;
        memcpy(&word, set + 8 * w, sizeof(word));
        for (; word && n < s->max; word &= word - 1, n++)
            ret[n] = (64 * w + (uint32_t)__builtin_ctzll(word) - n) << s->low_bits;
    }
    return n;
}

static uint32_t set_read(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret)
{
    const uint8_t *lower = set + 8 * s->words;
    const uint32_t n = read_upper(s, set, ret);
    const uint32x4_t mask = vdupq_n_u32((1u << s->low_bits) - 1);
    for (uint32_t i = 0; i < n; i += 4) {
        /* starts at a byte or at half a byte */
        const uint32_t bit = i * s->low_bits, odd = bit / 4 % 2;
        uint32x4_t x = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(lower + bit / 8), vld1q_u8(s->four_bytes[odd])));
        x = vandq_u32(vshlq_u32(x, vnegq_s32(vreinterpretq_s32_u32(vld1q_u32(s->four_shift[odd])))), mask);
        vst1q_u32(ret + i, vorrq_u32(x, vld1q_u32(ret + i)));
    }
    return n;
}

void vek_neon_sets(struct vek_kernels *v)
{
    v->set_read = set_read;
}
