/* vek_avx512_bf16.c -- inner products of bf16 rows by VDPBF16PS (AVX-512 BF16). */
#include "vek_variants.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m512bh query_at(const float *query, __mmask32 m)
{
    return _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps((__mmask16)(m >> 16), query + 16),
                               _mm512_maskz_loadu_ps((__mmask16)m, query));
}

INLINE __m512 add_row(__m512 s, __m512bh q, __mmask32 m, const uint16_t *row)
{
    return _mm512_dpbf16_ps(s, q, (__m512bh)_mm512_maskz_loadu_epi16(m, row));
}

/* Adds 32 dimensions from i on of eight rows. VDPBF16PS has a long latency, and eight sums keep it
 * busy. */
INLINE void add_rows(__m512 s[8], const float *query, const void *const *rows, size_t i, __mmask32 m)
{
    const __m512bh q = query_at(query + i, m);
    for (size_t r = 0; r < 8; r++)
        s[r] = add_row(s[r], q, m, (const uint16_t *)rows[r] + i);
}

static void ip_bf16_rows(const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    const size_t whole = n / 32 * 32;
    const __mmask32 tail = ((__mmask32)1 << n % 32) - 1;
    size_t r = 0;
    for (; r + 8 <= count; r += 8) {
        __m512 s[8];
        for (size_t j = 0; j < 8; j++)
            s[j] = _mm512_setzero_ps();
        for (size_t i = 0; i < whole; i += 32)
            add_rows(s, query, rows + r, i, 0xffffffff);
        if (tail)
            add_rows(s, query, rows + r, whole, tail);
        for (size_t j = 0; j < 8; j++)
            ret[r + j] = _mm512_reduce_add_ps(s[j]);
    }
    for (; r < count; r++) {
        const uint16_t *row = rows[r];
        __m512 s = _mm512_setzero_ps();
        for (size_t i = 0; i < whole; i += 32)
            s = add_row(s, query_at(query + i, 0xffffffff), 0xffffffff, row + i);
        if (tail)
            s = add_row(s, query_at(query + whole, tail), tail, row + whole);
        ret[r] = _mm512_reduce_add_ps(s);
    }
}

void vek_avx512_bf16(struct vek_kernels *v)
{
    v->ip_bf16_rows = ip_bf16_rows;
}
