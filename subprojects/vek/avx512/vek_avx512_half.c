/* vek_avx512_half.c -- rows of 16-bit floats, four rows at a time (AVX-512 F, BW, VL, DQ). */
#include "vek_variants.h"
#include <immintrin.h>
#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __mmask32 tail32(size_t n)
{
    return n >= 32 ? 0xffffffff : ((__mmask32)1 << n) - 1;
}

INLINE float sum16(__m512 s)
{
    return _mm512_reduce_add_ps(s);
}

INLINE __m512 term(bool l2, __m512 sum, __m512 a, __m512 b)
{
    if (!l2)
        return _mm512_fmadd_ps(a, b, sum);
    __m512 d = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(d, d, sum);
}

/* 32 dimensions of the query in the order in which the halves of a row are loaded. For f16: the
 * first 16, then the last 16. For bf16: the even ones, then the odd ones, because a shift and a
 * mask turn these into floats in place. */
struct query32 {
    __m512 a, b;
};

INLINE struct query32 query_at(bool bf16, const float *query, __mmask32 m)
{
    __m512 a = _mm512_maskz_loadu_ps((__mmask16)m, query), b = _mm512_maskz_loadu_ps((__mmask16)(m >> 16), query + 16);
    if (!bf16)
        return (struct query32){a, b};
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return (struct query32){_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b)};
}

/* Two partial sums, so that neither chain of additions waits for the other. */
struct sums {
    __m512 a, b;
};

INLINE struct sums add_row(bool l2, bool bf16, struct sums s, struct query32 q, __m512i row)
{
    __m512 a, b;
    if (bf16) {
        a = _mm512_castsi512_ps(_mm512_slli_epi32(row, 16));
        b = _mm512_castsi512_ps(_mm512_and_si512(row, _mm512_set1_epi32((int)0xffff0000)));
    } else {
        a = _mm512_cvtph_ps(_mm512_castsi512_si256(row));
        b = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(row, 1));
    }
    return (struct sums){term(l2, s.a, q.a, a), term(l2, s.b, q.b, b)};
}

/* Adds 32 dimensions from i on of four rows. */
INLINE void add_rows(bool l2, bool bf16, struct sums s[4], const float *query, const void *const *rows, size_t i,
                     __mmask32 m)
{
    const struct query32 q = query_at(bf16, query + i, m);
    for (size_t r = 0; r < 4; r++)
        s[r] = add_row(l2, bf16, s[r], q, _mm512_maskz_loadu_epi16(m, (const uint16_t *)rows[r] + i));
}

INLINE void rows_half(bool l2, bool bf16, const float *query, const void *const *rows, size_t count, size_t n,
                      float *ret)
{
    const struct sums zero = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    const size_t whole = n / 32 * 32;
    const __mmask32 tail = ((__mmask32)1 << n % 32) - 1;
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
        struct sums s[4] = {zero, zero, zero, zero};
        for (size_t i = 0; i < whole; i += 32)
            add_rows(l2, bf16, s, query, rows + r, i, 0xffffffff);
        if (tail)
            add_rows(l2, bf16, s, query, rows + r, whole, tail);
        for (size_t j = 0; j < 4; j++)
            ret[r + j] = sum16(_mm512_add_ps(s[j].a, s[j].b));
    }
    for (; r < count; r++) {
        const uint16_t *row = rows[r];
        struct sums s = zero;
        for (size_t i = 0; i < whole; i += 32)
            s = add_row(l2, bf16, s, query_at(bf16, query + i, 0xffffffff), _mm512_loadu_si512(row + i));
        if (tail)
            s = add_row(l2, bf16, s, query_at(bf16, query + whole, tail), _mm512_maskz_loadu_epi16(tail, row + whole));
        ret[r] = sum16(_mm512_add_ps(s.a, s.b));
    }
}

static void ip_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(false, false, query, rows, count, n, ret);
}

static void l2_f16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(true, false, query, rows, count, n, ret);
}

static void ip_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(false, true, query, rows, count, n, ret);
}

static void l2_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    rows_half(true, true, query, rows, count, n, ret);
}

static void f16_of_f32(const float *x, size_t n, uint16_t *ret)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)tail32(n - i);
        __m256i h = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(ret + i, m, h);
    }
}

static void f32_of_f16(const uint16_t *x, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)tail32(n - i);
        _mm512_mask_storeu_ps(ret + i, m, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, x + i)));
    }
}

/* Rounds the bits like the scalar variant. The instruction for it would flush numbers below 2^-126
 * to 0. */
static void bf16_of_f32(const float *x, size_t n, uint16_t *ret)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)tail32(n - i);
        __m512i u = _mm512_maskz_loadu_epi32(m, x + i);
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
        __m512i b = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
        __mmask16 nan =
            _mm512_cmpgt_epi32_mask(_mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff)), _mm512_set1_epi32(0x7f800000));
        b = _mm512_mask_or_epi32(b, nan, u, _mm512_set1_epi32(0x400000));
        _mm512_mask_cvtepi32_storeu_epi16(ret + i, m, _mm512_srli_epi32(b, 16));
    }
}

static void f32_of_bf16(const uint16_t *x, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = (__mmask16)tail32(n - i);
        __m512i u = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, x + i));
        _mm512_mask_storeu_epi32(ret + i, m, _mm512_slli_epi32(u, 16));
    }
}

void vek_avx512_half(struct vek_kernels *v)
{
    v->f16_of_f32 = f16_of_f32;
    v->f32_of_f16 = f32_of_f16;
    v->bf16_of_f32 = bf16_of_f32;
    v->f32_of_bf16 = f32_of_bf16;
    v->ip_f16_rows = ip_f16_rows;
    v->l2_f16_rows = l2_f16_rows;
    v->ip_bf16_rows = ip_bf16_rows;
    v->l2_bf16_rows = l2_bf16_rows;
}
