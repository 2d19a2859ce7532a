/* vek_avx512_codes.c -- codes of fewer than 8 bits (AVX-512 F, BW, VL, DQ, VNNI). */
#include "vek_variants.h"
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
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

/* Sums of the low and the high halves of bytes. The high half stays in place, so its sum is 16
 * times too large, which saves a shift for each load. A part of 32 bits holds at most 65536 / 16
 * dimensions * 128 * 240. */
struct sum_u4 {
    __m512i low, high;
};

INLINE struct sum_u4 zero_u4(void)
{
    return (struct sum_u4){_mm512_setzero_si512(), _mm512_setzero_si512()};
}

INLINE struct sum_u4 add_u4(struct sum_u4 s, const void *row, __m512i query_low, __m512i query_high)
{
    const __m512i low = _mm512_set1_epi8(0x0f);
    __m512i codes = load(row);
    s.low = _mm512_dpbusd_epi32(s.low, _mm512_and_si512(codes, low), query_low);
    s.high = _mm512_dpbusd_epi32(s.high, _mm512_andnot_si512(low, codes), query_high);
    return s;
}

INLINE __m512i both(struct sum_u4 s)
{
    return _mm512_add_epi32(s.low, _mm512_srai_epi32(s.high, 4));
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4) {
        const uint8_t *a = rows[r], *b = rows[r + 1], *c = rows[r + 2], *d = rows[r + 3];
        struct sum_u4 s0 = zero_u4(), s1 = s0, s2 = s0, s3 = s0;
        for (size_t i = 0; i < n; i += 128) {
            __m512i q0 = load(query + i), q1 = load(query + i + 64);
            s0 = add_u4(s0, a + i / 2, q0, q1);
            s1 = add_u4(s1, b + i / 2, q0, q1);
            s2 = add_u4(s2, c + i / 2, q0, q1);
            s3 = add_u4(s3, d + i / 2, q0, q1);
        }
        _mm_storeu_si128((__m128i *)(ret + r), reduce4_epi32(both(s0), both(s1), both(s2), both(s3)));
    }
    for (; r < count; r++) {
        const uint8_t *row = rows[r];
        struct sum_u4 s = zero_u4();
        for (size_t i = 0; i < n; i += 128)
            s = add_u4(s, row + i / 2, load(query + i), load(query + i + 64));
        ret[r] = _mm512_reduce_add_epi32(both(s));
    }
}

/* The query's bytes for two blocks of 2-bit codes: the dimensions 32 * part .. 32 * part + 31 of
 * each. */
INLINE __m512i query_u2(const int8_t *query, size_t part, bool two)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(query + 32 * part));
    __m256i b = two ? _mm256_loadu_si256((const __m256i *)(query + 128 + 32 * part)) : _mm256_setzero_si256();
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

INLINE __m512i add_u2(__m512i s, __m512i codes, const __m512i query[4])
{
    const __m512i low = _mm512_set1_epi8(3);
    s = _mm512_dpbusd_epi32(s, _mm512_and_si512(codes, low), query[0]);
    s = _mm512_dpbusd_epi32(s, _mm512_and_si512(_mm512_srli_epi16(codes, 2), low), query[1]);
    s = _mm512_dpbusd_epi32(s, _mm512_and_si512(_mm512_srli_epi16(codes, 4), low), query[2]);
    return _mm512_dpbusd_epi32(s, _mm512_and_si512(_mm512_srli_epi16(codes, 6), low), query[3]);
}

/* Adds the blocks from dimension i on (two, or the last one) of `count` rows. */
INLINE void add_rows_u2(__m512i *s, const int8_t *query, const void *const *rows, size_t count, size_t i, bool two)
{
    __m512i q[4];
    for (size_t part = 0; part < 4; part++)
        q[part] = query_u2(query + i, part, two);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *row = (const uint8_t *)rows[r] + i / 4;
        s[r] = add_u2(s[r], _mm512_maskz_loadu_epi64(two ? 0xff : 0x0f, row), q);
    }
}

INLINE __m128i dot4_s8_u2(const int8_t *query, const void *const *rows, size_t count, size_t n)
{
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    size_t i = 0;
    for (; i + 256 <= n; i += 256)
        add_rows_u2(s, query, rows, count, i, true);
    if (i < n)
        add_rows_u2(s, query, rows, count, i, false);
    return reduce4_epi32(s[0], s[1], s[2], s[3]);
}

static void dot_s8_u2_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        _mm_storeu_si128((__m128i *)(ret + r), dot4_s8_u2(query, rows + r, 4, n));
    for (; r < count; r++)
        ret[r] = _mm_cvtsi128_si32(dot4_s8_u2(query, rows + r, 1, n));
}

/* The bits of a code are used as a mask for the query's bytes. */
INLINE __m128i dot4_s8_b1(const int8_t *query, const void *const *rows, size_t count, size_t n)
{
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t i = 0; i < n; i += 64) {
        __m512i q = load(query + i);
        for (size_t r = 0; r < count; r++) {
            uint64_t bits;
            memcpy(&bits, (const uint8_t *)rows[r] + i / 8, sizeof(bits));
            s[r] = _mm512_dpbusd_epi32(s[r], _mm512_set1_epi8(1), _mm512_maskz_mov_epi8(bits, q));
        }
    }
    return reduce4_epi32(s[0], s[1], s[2], s[3]);
}

static void dot_s8_b1_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    size_t r = 0;
    for (; r + 4 <= count; r += 4)
        _mm_storeu_si128((__m128i *)(ret + r), dot4_s8_b1(query, rows + r, 4, n));
    for (; r < count; r++)
        ret[r] = _mm_cvtsi128_si32(dot4_s8_b1(query, rows + r, 1, n));
}

static void slice_u4(const uint8_t *values, size_t n, uint64_t *ret_planes)
{
    const size_t words = (n + 63) / 64;
    for (size_t i = 0; i < words; i++) {
        const __mmask64 m = n - 64 * i >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (n - 64 * i)) - 1;
        const __m512i x = _mm512_maskz_loadu_epi8(m, values + 64 * i);
        for (int p = 0; p < 4; p++)
            ret_planes[(size_t)p * words + i] = _mm512_test_epi8_mask(x, _mm512_set1_epi8((char)(1 << p)));
    }
}

/* Codes of the dimensions i .. i + 15 that are below n, one in each byte. */
INLINE __m128i codes_u4(const float *x, const float *low, const float *inverse_step, size_t i, size_t n)
{
    __mmask16 m = i >= n ? 0 : n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, low + i));
    v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, inverse_step + i));
    v = _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(15));
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
}

static void encode_u4(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret)
{
    for (size_t block = 0; block < n; block += 128) {
        for (size_t i = block; i < block + 64; i += 16) {
            __m128i even = codes_u4(x, low, inverse_step, i, n);
            __m128i odd = codes_u4(x, low, inverse_step, i + 64, n);
            _mm_storeu_si128((__m128i *)(ret + block / 2 + i % 64), _mm_or_si128(even, _mm_slli_epi16(odd, 4)));
        }
    }
}

void vek_avx512_codes(struct vek_kernels *v)
{
    v->dot_s8_u4_rows = dot_s8_u4_rows;
    v->dot_s8_u2_rows = dot_s8_u2_rows;
    v->dot_s8_b1_rows = dot_s8_b1_rows;
    v->slice_u4 = slice_u4;
    v->encode_u4 = encode_u4;
}
