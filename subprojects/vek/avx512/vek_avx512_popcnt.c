/* vek_avx512_popcnt.c -- 1-bit codes against bit planes (AVX-512 VPOPCNTDQ), four rows at a
 * time. */
#include "vek_variants.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* One sum for each plane; the weights of the planes are applied at the end. */
struct sums {
    __m512i plane[4];
};

INLINE void add_word8(struct sums *s, const __m512i planes[4], __m512i row)
{
    for (size_t p = 0; p < 4; p++)
        s->plane[p] = _mm512_add_epi64(s->plane[p], _mm512_popcnt_epi64(_mm512_and_si512(row, planes[p])));
}

/* Adds words i .. i + 7 of `count` rows, as far as the mask allows. */
INLINE void add_rows(struct sums *s, const uint64_t *planes, size_t words, const void *const *rows, size_t count,
                     size_t i, __mmask8 m)
{
    __m512i q[4];
    for (size_t p = 0; p < 4; p++)
        q[p] = _mm512_maskz_loadu_epi64(m, planes + p * words + i);
    for (size_t r = 0; r < count; r++)
        add_word8(&s[r], q, _mm512_maskz_loadu_epi64(m, (const uint64_t *)rows[r] + i));
}

INLINE __m256i weigh(const struct sums *s)
{
    __m512i low = _mm512_add_epi64(s->plane[0], _mm512_slli_epi64(s->plane[1], 1));
    __m512i high = _mm512_add_epi64(s->plane[2], _mm512_slli_epi64(s->plane[3], 1));
    return _mm512_cvtepi64_epi32(_mm512_add_epi64(low, _mm512_slli_epi64(high, 2)));
}

INLINE __m128i reduce4(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
}

INLINE __m128i dot4(const uint64_t *planes, const void *const *rows, size_t count, size_t words)
{
    const __mmask8 tail = (__mmask8)((1u << words % 8) - 1);
    struct sums s[4];
    for (size_t r = 0; r < 4; r++)
        for (size_t p = 0; p < 4; p++)
            s[r].plane[p] = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 8 <= words; i += 8)
        add_rows(s, planes, words, rows, count, i, 0xff);
    if (tail)
        add_rows(s, planes, words, rows, count, i, tail);
    return reduce4(weigh(&s[0]), weigh(&s[1]), weigh(&s[2]), weigh(&s[3]));
}

static void dot_u4_b1_rows(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        _mm_storeu_si128((__m128i *)(ret + r), dot4(planes, rows + r, 4, n / 64));
    for (; r < count; r++)
        ret[r] = _mm_cvtsi128_si32(dot4(planes, rows + r, 1, n / 64));
}

void vek_avx512_popcnt(struct vek_kernels *v)
{
    v->dot_u4_b1_rows = dot_u4_b1_rows;
}
