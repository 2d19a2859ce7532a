/* vek_avx2_half.c -- rows of 16-bit floats (AVX2, FMA, F16C).
 *
 * A last part of fewer than 8 dimensions is copied into a buffer with zeros behind it. */
#include "vek_variants.h"
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float sum8(__m256 s)
{
    __m128 h = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

INLINE __m256 term(bool l2, __m256 sum, __m256 a, __m256 b)
{
    if (!l2)
        return _mm256_fmadd_ps(a, b, sum);
    __m256 d = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(d, d, sum);
}

INLINE __m256 load(bool bf16, const void *p)
{
    __m128i h = _mm_loadu_si128(p);
    return bf16 ? _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)) : _mm256_cvtph_ps(h);
}

INLINE float one_half(bool l2, bool bf16, const float *query, const uint16_t *row, size_t n)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = term(l2, s0, _mm256_loadu_ps(query + i), load(bf16, row + i));
        s1 = term(l2, s1, _mm256_loadu_ps(query + i + 8), load(bf16, row + i + 8));
        s2 = term(l2, s2, _mm256_loadu_ps(query + i + 16), load(bf16, row + i + 16));
        s3 = term(l2, s3, _mm256_loadu_ps(query + i + 24), load(bf16, row + i + 24));
    }
    for (; i + 8 <= n; i += 8)
        s0 = term(l2, s0, _mm256_loadu_ps(query + i), load(bf16, row + i));
    if (i < n) {
        float q[8] = {0};
        uint16_t x[8] = {0};
        memcpy(q, query + i, (n - i) * sizeof(q[0]));
        memcpy(x, row + i, (n - i) * sizeof(x[0]));
        s1 = term(l2, s1, _mm256_loadu_ps(q), load(bf16, x));
    }
    return sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

static void ip_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(false, false, query, rows[r], n);
}

static void l2_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(true, false, query, rows[r], n);
}

static void ip_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(false, true, query, rows[r], n);
}

static void l2_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = one_half(true, true, query, rows[r], n);
}

INLINE __m128i f16_of(__m256 x)
{
    return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static void f16_of_f32(const float *x, size_t n, uint16_t *ret)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(ret + i), f16_of(_mm256_loadu_ps(x + i)));
    if (i < n) {
        float rest[8] = {0};
        uint16_t h[8];
        memcpy(rest, x + i, (n - i) * sizeof(rest[0]));
        _mm_storeu_si128((__m128i *)h, f16_of(_mm256_loadu_ps(rest)));
        memcpy(ret + i, h, (n - i) * sizeof(h[0]));
    }
}

static void f32_of_f16(const uint16_t *x, size_t n, float *ret)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(ret + i, load(false, x + i));
    if (i < n) {
        uint16_t rest[8] = {0};
        float f[8];
        memcpy(rest, x + i, (n - i) * sizeof(rest[0]));
        _mm256_storeu_ps(f, load(false, rest));
        memcpy(ret + i, f, (n - i) * sizeof(f[0]));
    }
}

void vek_avx2_half(struct vek_kernels *v)
{
    /* for bf16 conversions the compiler's code for plain C is as fast */
    v->f16_of_f32 = f16_of_f32;
    v->f32_of_f16 = f32_of_f16;
    v->ip_f16_rows = ip_f16_rows;
    v->l2_f16_rows = l2_f16_rows;
    v->ip_bf16_rows = ip_bf16_rows;
    v->l2_bf16_rows = l2_bf16_rows;
}
