/* vek_avx2_sets.c -- reads sets, with one shuffle for the lower bits of four numbers (AVX2). */
#include "vek_variants.h"
#include <immintrin.h>
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
    const __m128i mask = _mm_set1_epi32((int)((1u << s->low_bits) - 1));
    for (uint32_t i = 0; i < n; i += 4) {
        /* starts at a byte or at half a byte */
        const uint32_t bit = i * s->low_bits, odd = bit / 4 % 2;
        __m128i x = _mm_loadu_si128((const __m128i *)(lower + bit / 8));
        x = _mm_shuffle_epi8(x, _mm_loadu_si128((const __m128i *)s->four_bytes[odd]));
        x = _mm_and_si128(_mm_srlv_epi32(x, _mm_loadu_si128((const __m128i *)s->four_shift[odd])), mask);
        __m128i *at = (__m128i *)(ret + i);
        _mm_storeu_si128(at, _mm_or_si128(x, _mm_loadu_si128(at)));
    }
    return n;
}

void vek_avx2_sets(struct vek_kernels *v)
{
    v->set_read = set_read;
}
