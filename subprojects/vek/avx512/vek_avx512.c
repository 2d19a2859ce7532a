/* vek_avx512.c -- floats and bytes, 64 bytes at a time, with masks for the tails and VPDPBUSD for
 * codes (AVX-512 F, BW, VL, DQ, VNNI).
 *
 * Rows are processed by fours. The query is loaded once for four rows, and four independent chains
 * of additions hide the latency of each. Four sums are reduced together in 14 instructions instead
 * of 4 x 7. Two or three remaining rows are processed as four, with the last row repeated, which is
 * faster than one at a time. */
#include "vek_variants.h"
#include <immintrin.h>
#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __mmask16 tail16(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

INLINE __mmask8 tail8(size_t n)
{
    return (__mmask8)((1u << n) - 1);
}

INLINE __mmask64 tail64(size_t n)
{
    return ((uint64_t)1 << n) - 1;
}

INLINE __m512 term(bool l2, __m512 sum, __m512 a, __m512 b)
{
    if (!l2)
        return _mm512_fmadd_ps(a, b, sum);
    __m512 d = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(d, d, sum);
}

INLINE float one_f32(bool l2, const float *a, const float *b, size_t n)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s0 = term(l2, s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
        s1 = term(l2, s1, _mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));
        s2 = term(l2, s2, _mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));
        s3 = term(l2, s3, _mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));
    }
    for (; i + 16 <= n; i += 16)
        s0 = term(l2, s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
    if (i < n) {
        __mmask16 m = tail16(n - i);
        s1 = term(l2, s1, _mm512_maskz_loadu_ps(m, a + i), _mm512_maskz_loadu_ps(m, b + i));
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

INLINE __m256 halve_ps(__m512 s)
{
    return _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
}

INLINE __m128 reduce4_ps(__m512 s0, __m512 s1, __m512 s2, __m512 s3)
{
    __m256 a = _mm256_hadd_ps(halve_ps(s0), halve_ps(s1));
    __m256 b = _mm256_hadd_ps(halve_ps(s2), halve_ps(s3));
    __m256 c = _mm256_hadd_ps(a, b);
    return _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
}

INLINE __m128 four_f32(bool l2, const float *query, const void *const rows[4], size_t n)
{
    const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512 q = _mm512_loadu_ps(query + i);
        s0 = term(l2, s0, q, _mm512_loadu_ps(a + i));
        s1 = term(l2, s1, q, _mm512_loadu_ps(b + i));
        s2 = term(l2, s2, q, _mm512_loadu_ps(c + i));
        s3 = term(l2, s3, q, _mm512_loadu_ps(d + i));
    }
    if (i < n) {
        __mmask16 m = tail16(n - i);
        __m512 q = _mm512_maskz_loadu_ps(m, query + i);
        s0 = term(l2, s0, q, _mm512_maskz_loadu_ps(m, a + i));
        s1 = term(l2, s1, q, _mm512_maskz_loadu_ps(m, b + i));
        s2 = term(l2, s2, q, _mm512_maskz_loadu_ps(m, c + i));
        s3 = term(l2, s3, q, _mm512_maskz_loadu_ps(m, d + i));
    }
    return reduce4_ps(s0, s1, s2, s3);
}

INLINE void rows_f32(bool l2, const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        _mm_storeu_ps(ret + r, four_f32(l2, query, rows + r, n));
    if (count - r > 1) {
        const void *const rest[4] = {rows[r], rows[r + 1], rows[count - 1], rows[count - 1]};
        _mm_mask_storeu_ps(ret + r, tail8(count - r), four_f32(l2, query, rest, n));
    } else if (r < count) {
        ret[r] = one_f32(l2, query, rows[r], n);
    }
}

static float ip_f32(const float *a, const float *b, size_t n)
{
    return one_f32(false, a, b, n);
}

static float l2_f32(const float *a, const float *b, size_t n)
{
    return one_f32(true, a, b, n);
}

static void ip_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_f32(false, query, rows, count, n, ret);
}

static void l2_f32_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_f32(true, query, rows, count, n, ret);
}

INLINE __m512i dot(bool signed_query, __m512i sum, __m512i query, __m512i row)
{
    return signed_query ? _mm512_dpbusd_epi32(sum, row, query) : _mm512_dpbusd_epi32(sum, query, row);
}

INLINE __m256i halve_epi32(__m512i s)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64(s, 1));
}

INLINE __m128i reduce4_epi32(__m512i s0, __m512i s1, __m512i s2, __m512i s3)
{
    __m256i a = _mm256_hadd_epi32(halve_epi32(s0), halve_epi32(s1));
    __m256i b = _mm256_hadd_epi32(halve_epi32(s2), halve_epi32(s3));
    __m256i c = _mm256_hadd_epi32(a, b);
    return _mm_add_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
}

INLINE __m128i four_dots(bool signed_query, const uint8_t *query, const void *const rows[4], size_t n)
{
    const uint8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
    const __mmask64 m = tail64(n % 64);
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m512i q = _mm512_loadu_si512(query + i);
        s0 = dot(signed_query, s0, q, _mm512_loadu_si512(a + i));
        s1 = dot(signed_query, s1, q, _mm512_loadu_si512(b + i));
        s2 = dot(signed_query, s2, q, _mm512_loadu_si512(c + i));
        s3 = dot(signed_query, s3, q, _mm512_loadu_si512(d + i));
    }
    if (m) {
        __m512i q = _mm512_maskz_loadu_epi8(m, query + i);
        s0 = dot(signed_query, s0, q, _mm512_maskz_loadu_epi8(m, a + i));
        s1 = dot(signed_query, s1, q, _mm512_maskz_loadu_epi8(m, b + i));
        s2 = dot(signed_query, s2, q, _mm512_maskz_loadu_epi8(m, c + i));
        s3 = dot(signed_query, s3, q, _mm512_maskz_loadu_epi8(m, d + i));
    }
    return reduce4_epi32(s0, s1, s2, s3);
}

/* Uses two independent chains, because a single row has no other row to overlap with. */
INLINE int32_t one_dot(bool signed_query, const uint8_t *query, const uint8_t *row, size_t n)
{
    const __mmask64 m = tail64(n % 64);
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    size_t i = 0;
    for (; i + 128 <= n; i += 128) {
        s0 = dot(signed_query, s0, _mm512_loadu_si512(query + i), _mm512_loadu_si512(row + i));
        s1 = dot(signed_query, s1, _mm512_loadu_si512(query + i + 64), _mm512_loadu_si512(row + i + 64));
    }
    if (i + 64 <= n) {
        s0 = dot(signed_query, s0, _mm512_loadu_si512(query + i), _mm512_loadu_si512(row + i));
        i += 64;
    }
    if (m)
        s1 = dot(signed_query, s1, _mm512_maskz_loadu_epi8(m, query + i), _mm512_maskz_loadu_epi8(m, row + i));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

INLINE void rows_dot(bool signed_query, const uint8_t *query, const void *const *rows, size_t count, size_t n,
                     int32_t *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        _mm_storeu_si128((__m128i *)(ret + r), four_dots(signed_query, query, rows + r, n));
    if (count - r > 1) {
        const void *const rest[4] = {rows[r], rows[r + 1], rows[count - 1], rows[count - 1]};
        _mm_mask_storeu_epi32(ret + r, tail8(count - r), four_dots(signed_query, query, rest, n));
    } else if (r < count) {
        ret[r] = one_dot(signed_query, query, rows[r], n);
    }
}

static void dot_s8_u8_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    rows_dot(true, (const uint8_t *)query, rows, count, n, ret);
}

static void dot_u8_s8_rows(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    rows_dot(false, query, rows, count, n, ret);
}

static void encode_u8(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret)
{
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = n - i >= 16 ? 0xffff : tail16(n - i);
        __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, low + i));
        v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, inverse_step + i));
        v = _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(255));
        _mm512_mask_cvtepi32_storeu_epi8(ret + i, m, _mm512_cvtps_epi32(v));
    }
}

static int32_t fold_u8(const uint8_t *codes, const float *gain, size_t n, int8_t *ret)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = n - i >= 16 ? 0xffff : tail16(n - i);
        __m512i u = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, codes + i));
        __m512 v = _mm512_cvtepi32_ps(_mm512_sub_epi32(u, _mm512_set1_epi32(128)));
        __m512i w = _mm512_cvtps_epi32(_mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, gain + i)));
        w = _mm512_max_epi32(_mm512_min_epi32(w, _mm512_set1_epi32(127)), _mm512_set1_epi32(-128));
        sum = _mm512_mask_add_epi32(sum, m, sum, w);
        _mm512_mask_cvtepi32_storeu_epi8(ret + i, m, w);
    }
    return _mm512_reduce_add_epi32(sum);
}

static uint64_t count_bits(const uint64_t *words, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)__builtin_popcountll(words[i]);
    return sum;
}

void vek_avx512(struct vek_kernels *v)
{
    v->name = "avx512";
    v->ip_f32 = ip_f32;
    v->l2_f32 = l2_f32;
    v->ip_f32_rows = ip_f32_rows;
    v->l2_f32_rows = l2_f32_rows;
    v->dot_s8_u8_rows = dot_s8_u8_rows;
    v->dot_u8_s8_rows = dot_u8_s8_rows;
    v->encode_u8 = encode_u8;
    v->fold_u8 = fold_u8;
    v->count_bits = count_bits;
}
