/* vek_avx512_lookup.c -- sums of table lookups: one byte shuffle does 64 lookups in a table of 16
 * (AVX-512 F, BW). */
#include "vek_variants.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#define BYTES_PER_SUM 256 /* the sum of so many bytes is below 2^16, as each adds at most 254 */

INLINE __m512i table_at(const uint8_t *table)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

/* Adds the sums of bytes [from, to) to sum[k], for rows 16 k to 16 k + 15. Bytes are added as
 * 16-bit pairs. The upper bytes are also added separately and subtracted at the end. */
INLINE void add_bytes(const struct vek_lookup *q, const uint8_t *codes, size_t from, size_t to, __m512i sum[4])
{
    const __m512i low = _mm512_set1_epi8(15);
    __m512i pairs = _mm512_setzero_si512(), odd = pairs;
    for (size_t i = from; i < to; i++) {
        const __m512i code = _mm512_loadu_si512(codes + 64 * i);
        const __m512i a = _mm512_shuffle_epi8(table_at(q->tables + 32 * i), _mm512_and_si512(code, low));
        const __m512i b =
            _mm512_shuffle_epi8(table_at(q->tables + 32 * i + 16), _mm512_and_si512(_mm512_srli_epi16(code, 4), low));
        const __m512i both = _mm512_add_epi8(a, b);
        pairs = _mm512_add_epi16(pairs, both);
        odd = _mm512_add_epi16(odd, _mm512_srli_epi16(both, 8));
    }
    const __m512i even = _mm512_sub_epi16(pairs, _mm512_slli_epi16(odd, 8));
    const __m512i first = _mm512_unpacklo_epi16(even, odd), second = _mm512_unpackhi_epi16(even, odd);
    __m256i rows[4];
    rows[0] = _mm256_set_m128i(_mm512_castsi512_si128(second), _mm512_castsi512_si128(first));
    rows[1] = _mm256_set_m128i(_mm512_extracti32x4_epi32(second, 1), _mm512_extracti32x4_epi32(first, 1));
    rows[2] = _mm256_set_m128i(_mm512_extracti32x4_epi32(second, 2), _mm512_extracti32x4_epi32(first, 2));
    rows[3] = _mm256_set_m128i(_mm512_extracti32x4_epi32(second, 3), _mm512_extracti32x4_epi32(first, 3));
    for (size_t k = 0; k < 4; k++)
        sum[k] = _mm512_add_epi32(sum[k], _mm512_cvtepu16_epi32(rows[k]));
}

INLINE __m512 floats_at(const uint16_t *bf16)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)bf16));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static uint64_t lookup_b1_64(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t from = 0; from < q->bytes; from += BYTES_PER_SUM)
        add_bytes(q, codes, from, q->bytes - from < BYTES_PER_SUM ? q->bytes : from + BYTES_PER_SUM, sum);
    const __m512 scale = _mm512_set1_ps(q->scale), bias = _mm512_set1_ps(q->bias);
    uint64_t near = 0;
    for (size_t k = 0; k < 4; k++) {
        const __m512 dot = _mm512_add_ps(_mm512_mul_ps(scale, _mm512_cvtepi32_ps(sum[k])), bias);
        const __m512 d =
            _mm512_add_ps(floats_at(numbers + 16 * k), _mm512_mul_ps(floats_at(numbers + 64 + 16 * k), dot));
        near |= (uint64_t)_mm512_cmp_ps_mask(d, _mm512_set1_ps(below), _CMP_LT_OQ) << (16 * k);
    }
    return near;
}

void vek_avx512_lookup(struct vek_kernels *v)
{
    v->lookup_b1_64 = lookup_b1_64;
}
