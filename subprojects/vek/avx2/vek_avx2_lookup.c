/* vek_avx2_lookup.c -- sums of table lookups: one byte shuffle does 32 lookups in a table of 16. */
#include "vek_variants.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#define BYTES_PER_SUM 256 /* the sum of so many bytes is below 2^16, as each adds at most 254 */

INLINE __m256i table_at(const uint8_t *table)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

/* Adds the sums of bytes [from, to) of 32 rows to sum[k], for rows 8 k to 8 k + 7. Bytes are added
 * as 16-bit pairs. The upper bytes are also added separately and subtracted at the end. */
INLINE void add_bytes(const struct vek_lookup *q, const uint8_t *codes, size_t from, size_t to, __m256i sum[4])
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i pairs = _mm256_setzero_si256(), odd = pairs;
    for (size_t i = from; i < to; i++) {
        const __m256i code = _mm256_loadu_si256((const __m256i *)(codes + 64 * i));
        const __m256i a = _mm256_shuffle_epi8(table_at(q->tables + 32 * i), _mm256_and_si256(code, low));
        const __m256i b =
            _mm256_shuffle_epi8(table_at(q->tables + 32 * i + 16), _mm256_and_si256(_mm256_srli_epi16(code, 4), low));
        const __m256i both = _mm256_add_epi8(a, b);
        pairs = _mm256_add_epi16(pairs, both);
        odd = _mm256_add_epi16(odd, _mm256_srli_epi16(both, 8));
    }
    const __m256i even = _mm256_sub_epi16(pairs, _mm256_slli_epi16(odd, 8));
    const __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
    sum[0] = _mm256_add_epi32(sum[0], _mm256_cvtepu16_epi32(_mm256_castsi256_si128(first)));
    sum[1] = _mm256_add_epi32(sum[1], _mm256_cvtepu16_epi32(_mm256_castsi256_si128(second)));
    sum[2] = _mm256_add_epi32(sum[2], _mm256_cvtepu16_epi32(_mm256_extracti128_si256(first, 1)));
    sum[3] = _mm256_add_epi32(sum[3], _mm256_cvtepu16_epi32(_mm256_extracti128_si256(second, 1)));
}

INLINE __m256 floats_at(const uint16_t *bf16)
{
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)bf16));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static uint32_t lookup_32(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t from = 0; from < q->bytes; from += BYTES_PER_SUM)
        add_bytes(q, codes, from, q->bytes - from < BYTES_PER_SUM ? q->bytes : from + BYTES_PER_SUM, sum);
    const __m256 scale = _mm256_set1_ps(q->scale), bias = _mm256_set1_ps(q->bias);
    uint32_t near = 0;
    for (size_t k = 0; k < 4; k++) {
        const __m256 dot = _mm256_add_ps(_mm256_mul_ps(scale, _mm256_cvtepi32_ps(sum[k])), bias);
        const __m256 d = _mm256_add_ps(floats_at(numbers + 8 * k), _mm256_mul_ps(floats_at(numbers + 64 + 8 * k), dot));
        near |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(d, _mm256_set1_ps(below), _CMP_LT_OQ)) << (8 * k);
    }
    return near;
}

static uint64_t lookup_b1_64(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    const uint32_t first = lookup_32(q, codes, numbers, below);
    return first | (uint64_t)lookup_32(q, codes + 32, numbers + 32, below) << 32;
}

void vek_avx2_lookup(struct vek_kernels *v)
{
    v->lookup_b1_64 = lookup_b1_64;
}
