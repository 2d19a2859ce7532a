/* vek_avx512_sets.c -- reads sets: one shuffle for the lower bits of sixteen numbers, one
 * compression for the positions of the upper bits (AVX-512 VBMI, VBMI2). */
#include "vek_variants.h"
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m512i iota_bytes(void)
{
    static const uint8_t iota[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                     32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                     48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    return _mm512_loadu_si512(iota);
}

/* Reads the upper parts that one word holds, of the numbers from `n` on. The i-th set bit, at
 * position p, stands for 64 * w + p - (n + i). */
INLINE uint32_t read_word(uint64_t word, uint32_t w, uint32_t n, uint16_t *ret)
{
    const __m512i places = _mm512_maskz_compress_epi8(word, iota_bytes());
    /* not negative, since the i-th set bit is at position i or later */
    const __m512i apart = _mm512_sub_epi8(places, iota_bytes());
    const __m512i base = _mm512_set1_epi16((short)(64 * w - n));
    _mm512_storeu_si512(ret, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(apart))));
    if (__builtin_popcountll(word) > 32)
        _mm512_storeu_si512(ret + 32,
                            _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(apart, 1))));
    return (uint32_t)__builtin_popcountll(word);
}

static uint32_t set_read(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret)
{
    uint16_t upper[VEK_SET_MAX + 64];
    uint32_t n = 0;
    for (uint32_t w = 0; w < s->words && n < s->max; w++) {
        uint64_t word;
        memcpy(&word, set + 8 * w, sizeof(word));
        n += read_word(word, w, n, upper + n);
    }
    n = n < s->max ? n : s->max;
    const uint8_t *lower = set + 8 * s->words;
    const __m512i bytes = _mm512_loadu_si512(s->sixteen_bytes), shift = _mm512_loadu_si512(s->sixteen_shift);
    const __m512i mask = _mm512_set1_epi32((int)((1u << s->low_bits) - 1));
    const __m128i low_bits = _mm_cvtsi32_si128((int)s->low_bits);
    for (uint32_t i = 0; i < n; i += 16) {
        __m512i x = _mm512_permutexvar_epi8(bytes, _mm512_loadu_si512(lower + i * s->low_bits / 8));
        x = _mm512_and_si512(_mm512_srlv_epi32(x, shift), mask);
        __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(upper + i)));
        _mm512_storeu_si512(ret + i, _mm512_or_si512(x, _mm512_sll_epi32(high, low_bits)));
    }
    return n;
}

void vek_avx512_sets(struct vek_kernels *v)
{
    v->set_read = set_read;
}
