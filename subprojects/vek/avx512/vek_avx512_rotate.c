/* vek_avx512_rotate.c -- the Walsh-Hadamard transform, and flips of signs (AVX-512 F, BW, VL, DQ).
 *
 * The first four steps of the transform stay within a register. The others are done two at a time,
 * which halves the loads. */
#include "vek_variants.h"
#include <immintrin.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

/* A lane whose partner is above it gets the sum, the other lane the difference. */
INLINE __m512 butterfly(__m512 x, __m512 partner, __mmask16 upper)
{
    return _mm512_mask_sub_ps(_mm512_add_ps(x, partner), upper, partner, x);
}

/* The steps within n lanes, a power of two up to 16. */
INLINE __m512 within(__m512 x, size_t n)
{
    if (n > 1)
        x = butterfly(x, _mm512_permute_ps(x, 0xb1), 0xaaaa);
    if (n > 2)
        x = butterfly(x, _mm512_permute_ps(x, 0x4e), 0xcccc);
    if (n > 4)
        x = butterfly(x, _mm512_shuffle_f32x4(x, x, 0xb1), 0xf0f0);
    if (n > 8)
        x = butterfly(x, _mm512_shuffle_f32x4(x, x, 0x4e), 0xff00);
    return x;
}

INLINE void two_steps(float *x, size_t half)
{
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + half);
    __m512 c = _mm512_loadu_ps(x + 2 * half), d = _mm512_loadu_ps(x + 3 * half);
    __m512 ab = _mm512_add_ps(a, b), a_b = _mm512_sub_ps(a, b);
    __m512 cd = _mm512_add_ps(c, d), c_d = _mm512_sub_ps(c, d);
    _mm512_storeu_ps(x, _mm512_add_ps(ab, cd));
    _mm512_storeu_ps(x + half, _mm512_add_ps(a_b, c_d));
    _mm512_storeu_ps(x + 2 * half, _mm512_sub_ps(ab, cd));
    _mm512_storeu_ps(x + 3 * half, _mm512_sub_ps(a_b, c_d));
}

INLINE void one_step(float *x, size_t half)
{
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + half);
    _mm512_storeu_ps(x, _mm512_add_ps(a, b));
    _mm512_storeu_ps(x + half, _mm512_sub_ps(a, b));
}

static void fht_f32(float *x, size_t n)
{
    const __m512 scale = _mm512_set1_ps(1 / sqrtf((float)n));
    if (n < 16) {
        const __mmask16 m = (__mmask16)((1u << n) - 1);
        _mm512_mask_storeu_ps(x, m, _mm512_mul_ps(within(_mm512_maskz_loadu_ps(m, x), n), scale));
        return;
    }
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_ps(x + i, within(_mm512_loadu_ps(x + i), 16));
    size_t half = 16;
    for (; half * 2 < n; half *= 4)
        for (size_t block = 0; block < n; block += 4 * half)
            for (size_t i = block; i < block + half; i += 16)
                two_steps(x + i, half);
    if (half < n)
        for (size_t i = 0; i < half; i += 16)
            one_step(x + i, half);
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), scale));
}

INLINE __mmask16 tail16(size_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

static void flip_f32(float *x, const uint64_t *bits, size_t n)
{
    const __m512i sign = _mm512_set1_epi32((int)0x80000000);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = tail16(n - i), flip = (__mmask16)(bits[i / 64] >> i % 64);
        __m512i v = _mm512_maskz_loadu_epi32(m, x + i);
        _mm512_mask_storeu_epi32(x + i, m, _mm512_mask_xor_epi32(v, flip, v, sign));
    }
}

void vek_avx512_rotate(struct vek_kernels *v)
{
    v->fht_f32 = fht_f32;
    v->flip_f32 = flip_f32;
}
