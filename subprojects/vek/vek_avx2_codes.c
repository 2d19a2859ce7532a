/* vek_avx2_codes.c -- codes of fewer than 8 bits (AVX2, FMA).
 *
 * Here PMADDUBSW is safe: two products of a 4-bit code and a signed byte are at least -2 * 15 * 128 = -3840, so that
 * eight of its sums fit 16 bits before they have to be widened. */
#include "vek_variants.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int32_t sum8_epi32(__m256i s)
{
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* Products of 128 dimensions, four in each 16-bit part. */
INLINE __m256i block_s8_u4(const int8_t *query, const uint8_t *row)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i a = load(row), b = load(row + 32);
    __m256i s = _mm256_maddubs_epi16(_mm256_and_si256(a, low), load(query));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(_mm256_and_si256(b, low), load(query + 32)));
    a = _mm256_and_si256(_mm256_srli_epi16(a, 4), low);
    b = _mm256_and_si256(_mm256_srli_epi16(b, 4), low);
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(a, load(query + 64)));
    return _mm256_add_epi16(s, _mm256_maddubs_epi16(b, load(query + 96)));
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const __m256i one = _mm256_set1_epi16(1);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *row = rows[r];
        __m256i s = _mm256_setzero_si256();
        size_t i = 0;
        for (; i + 256 <= n; i += 256) {
            __m256i t =
                _mm256_add_epi16(block_s8_u4(query + i, row + i / 2), block_s8_u4(query + i + 128, row + i / 2 + 64));
            s = _mm256_add_epi32(s, _mm256_madd_epi16(t, one));
        }
        if (i < n)
            s = _mm256_add_epi32(s, _mm256_madd_epi16(block_s8_u4(query + i, row + i / 2), one));
        ret[r] = sum8_epi32(s);
    }
}

void vek_avx2_codes(struct vek_kernels *v)
{
    v->dot_s8_u4_rows = dot_s8_u4_rows;
}
