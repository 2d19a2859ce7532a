/* vek_avx2_rotate.c -- the Walsh-Hadamard transform, and flips of signs (AVX2).
 *
 * The first three steps of the transform stay within a register. */
#include "vek_variants.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* The steps within n lanes, a power of two up to 8. A lane whose partner is above it gets the sum,
 * the other lane the difference. */
INLINE __m256 within(__m256 x, size_t n)
{
    __m256 partner;
    if (n > 1) {
        partner = _mm256_permute_ps(x, 0xb1);
        x = _mm256_blend_ps(_mm256_add_ps(x, partner), _mm256_sub_ps(partner, x), 0xaa);
    }
    if (n > 2) {
        partner = _mm256_permute_ps(x, 0x4e);
        x = _mm256_blend_ps(_mm256_add_ps(x, partner), _mm256_sub_ps(partner, x), 0xcc);
    }
    if (n > 4) {
        partner = _mm256_permute2f128_ps(x, x, 1);
        x = _mm256_blend_ps(_mm256_add_ps(x, partner), _mm256_sub_ps(partner, x), 0xf0);
    }
    return x;
}

INLINE void step(float *x, size_t half)
{
    __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + half);
    _mm256_storeu_ps(x, _mm256_add_ps(a, b));
    _mm256_storeu_ps(x + half, _mm256_sub_ps(a, b));
}

static void fht_f32(float *x, size_t n)
{
    const __m256 scale = _mm256_set1_ps(1 / sqrtf((float)n));
    if (n < 8) {
        float whole[8] = {0};
        memcpy(whole, x, n * sizeof(x[0]));
        _mm256_storeu_ps(whole, _mm256_mul_ps(within(_mm256_loadu_ps(whole), n), scale));
        memcpy(x, whole, n * sizeof(x[0]));
        return;
    }
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(x + i, within(_mm256_loadu_ps(x + i), 8));
    for (size_t half = 8; half < n; half *= 2)
        for (size_t block = 0; block < n; block += 2 * half)
            for (size_t i = block; i < block + half; i += 8)
                step(x + i, half);
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), scale));
}

static void flip_f32(float *x, const uint64_t *bits, size_t n)
{
    const __m256i lane = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24), sign = _mm256_set1_epi32((int)0x80000000);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) { /* moves bit i to the top of lane i */
        __m256i b = _mm256_sllv_epi32(_mm256_set1_epi32((int)(bits[i / 64] >> i % 64)), lane);
        __m256 v = _mm256_xor_ps(_mm256_loadu_ps(x + i), _mm256_castsi256_ps(_mm256_and_si256(b, sign)));
        _mm256_storeu_ps(x + i, v);
    }
    for (; i < n; i++)
        x[i] = bits[i / 64] >> i % 64 & 1 ? -x[i] : x[i];
}

void vek_avx2_rotate(struct vek_kernels *v)
{
    v->fht_f32 = fht_f32;
    v->flip_f32 = flip_f32;
}
