/* vek_avx2.c -- floats and bytes, 32 bytes at a time (AVX2, FMA).
 *
 * The byte product first widens to 16 bits. PMADDUBSW would add two products into 16 bits and
 * saturate: 255 * 127 * 2 exceeds them, and the distance would be silently wrong. */
#include "vek_variants.h"
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

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

INLINE float term1(bool l2, float a, float b)
{
    return l2 ? (a - b) * (a - b) : a * b;
}

INLINE float one_f32(bool l2, const float *a, const float *b, size_t n)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = term(l2, s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
        s1 = term(l2, s1, _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
        s2 = term(l2, s2, _mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));
        s3 = term(l2, s3, _mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));
    }
    for (; i + 8 <= n; i += 8)
        s0 = term(l2, s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
    float sum = sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
    for (; i < n; i++)
        sum += term1(l2, a[i], b[i]);
    return sum;
}

INLINE void rows_f32(bool l2, const float *query, const void *const *rows, size_t count, size_t n, float *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const float *a = rows[r], *b = rows[r + 1], *c = rows[r + 2], *d = rows[r + 3];
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
            __m256 q = _mm256_loadu_ps(query + i);
            s0 = term(l2, s0, q, _mm256_loadu_ps(a + i));
            s1 = term(l2, s1, q, _mm256_loadu_ps(b + i));
            s2 = term(l2, s2, q, _mm256_loadu_ps(c + i));
            s3 = term(l2, s3, q, _mm256_loadu_ps(d + i));
        }
        float sum[4] = {sum8(s0), sum8(s1), sum8(s2), sum8(s3)};
        for (; i < n; i++) {
            sum[0] += term1(l2, query[i], a[i]);
            sum[1] += term1(l2, query[i], b[i]);
            sum[2] += term1(l2, query[i], c[i]);
            sum[3] += term1(l2, query[i], d[i]);
        }
        for (size_t j = 0; j < 4; j++)
            ret[r + j] = sum[j];
    }
    for (; r < count; r++)
        ret[r] = one_f32(l2, query, rows[r], n);
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

INLINE __m256i widen_s8(const void *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(p));
}

INLINE __m256i widen_u8(const void *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(p));
}

INLINE int32_t sum8_epi32(__m256i s)
{
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

INLINE int32_t dot(const int8_t *s, const uint8_t *u, size_t n)
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(widen_s8(s + i), widen_u8(u + i)));
        s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(widen_s8(s + i + 16), widen_u8(u + i + 16)));
    }
    int32_t sum = sum8_epi32(_mm256_add_epi32(s0, s1));
    for (; i < n; i++)
        sum += s[i] * u[i];
    return sum;
}

static void dot_s8_u8_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot(query, rows[r], n);
}

static void dot_u8_s8_rows(const uint8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot(rows[r], query, n);
}

/* Stores the low bytes of eight 32-bit numbers that fit a byte, signed or not. */
INLINE void store_bytes(void *p, __m256i v)
{
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i even = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, -1, -1, -1, -1, -1, -1, -1, -1);
    _mm_storel_epi64(p, _mm_shuffle_epi8(w, even));
}

static void encode_u8(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(low + i));
        v = _mm256_mul_ps(v, _mm256_loadu_ps(inverse_step + i));
        v = _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(255));
        store_bytes(ret + i, _mm256_cvtps_epi32(v));
    }
    for (; i < n; i++) {
        float v = rintf((x[i] - low[i]) * inverse_step[i]);
        ret[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static int32_t fold_u8(const uint8_t *codes, const float *gain, size_t n, int8_t *ret)
{
    __m256i sums = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i u = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(codes + i)));
        __m256 v = _mm256_cvtepi32_ps(_mm256_sub_epi32(u, _mm256_set1_epi32(128)));
        __m256i w = _mm256_cvtps_epi32(_mm256_mul_ps(v, _mm256_loadu_ps(gain + i)));
        w = _mm256_max_epi32(_mm256_min_epi32(w, _mm256_set1_epi32(127)), _mm256_set1_epi32(-128));
        sums = _mm256_add_epi32(sums, w);
        store_bytes(ret + i, w);
    }
    int32_t sum = sum8_epi32(sums);
    for (; i < n; i++) {
        float v = rintf((float)(codes[i] - 128) * gain[i]);
        ret[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
        sum += ret[i];
    }
    return sum;
}

static uint64_t count_bits(const uint64_t *words, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)__builtin_popcountll(words[i]);
    return sum;
}

void vek_avx2(struct vek_kernels *v)
{
    v->name = "avx2";
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
