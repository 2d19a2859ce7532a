/* vek_avx2_codes.c -- codes of fewer than 8 bits (AVX2, FMA).
 *
 * Here PMADDUBSW is safe: the sum of two products of a 4-bit code and a signed byte is at least -2
 * * 15 * 128 = -3840. So eight such sums fit 16 bits before they must be widened. */
#include "vek_variants.h"
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int32_t sum8_epi32(__m256i s)
{
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* The products of 128 dimensions, summed by fours into 16-bit parts. */
INLINE __m256i block_s8_u4(const int8_t *query, const uint8_t *row)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i a = load(row), b = load(row + 32);
    __m256i s = _mm256_maddubs_epi16(_mm256_and_si256(a, low), load(query));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(_mm256_and_si256(b, low), load(query + 32)));
    a = _mm256_and_si256(_mm256_srli_epi16(a, 4), low);
    b = _mm256_and_si256(_mm256_srli_epi16(b, 4), low);
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(a, load(query + 64)));
    return _mm256_add_epi16(s, _mm256_maddubs_epi16(b, load(query + 96)));
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const __m256i one = _mm256_set1_epi16(1);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *row = rows[r];
        __m256i s = _mm256_setzero_si256();
        size_t i = 0;
        for (; i + 256 <= n; i += 256) {
            __m256i t =
                _mm256_add_epi16(block_s8_u4(query + i, row + i / 2), block_s8_u4(query + i + 128, row + i / 2 + 64));
            s = _mm256_add_epi32(s, _mm256_madd_epi16(t, one));
        }
        if (i < n)
            s = _mm256_add_epi32(s, _mm256_madd_epi16(block_s8_u4(query + i, row + i / 2), one));
        ret[r] = sum8_epi32(s);
    }
}

INLINE __m256i add_u2(__m256i s, __m256i codes, const int8_t *query)
{
    return _mm256_add_epi16(s, _mm256_maddubs_epi16(_mm256_and_si256(codes, _mm256_set1_epi8(3)), load(query)));
}

static void dot_s8_u2_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++) {
        const uint8_t *row = rows[r];
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < n; i += 128) {
            __m256i codes = load(row + i / 4);
            __m256i s = add_u2(_mm256_setzero_si256(), codes, query + i);
            s = add_u2(s, _mm256_srli_epi16(codes, 2), query + i + 32);
            s = add_u2(s, _mm256_srli_epi16(codes, 4), query + i + 64);
            s = add_u2(s, _mm256_srli_epi16(codes, 6), query + i + 96);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s, _mm256_set1_epi16(1)));
        }
        ret[r] = sum8_epi32(sum);
    }
}

/* The bytes of the query whose bit is set, zeros elsewhere. */
INLINE __m256i where_set(uint32_t bits, const int8_t *query)
{
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i b = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(b, bit), load(query));
}

static void dot_s8_b1_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const __m256i ones = _mm256_set1_epi8(1);
    for (size_t r = 0; r < count; r++) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < n; i += 128) {
            uint32_t bits[4];
            memcpy(bits, (const uint8_t *)rows[r] + i / 8, sizeof(bits));
            __m256i s = _mm256_setzero_si256();
            for (size_t j = 0; j < 4; j++)
                s = _mm256_add_epi16(s, _mm256_maddubs_epi16(ones, where_set(bits[j], query + i + 32 * j)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s, _mm256_set1_epi16(1)));
        }
        ret[r] = sum8_epi32(sum);
    }
}

/* Uses POPCNT, which counts at least 64 bits a cycle. Counting by byte shuffles is no faster at
 * these lengths. */
static void dot_u4_b1_rows(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const size_t words = n / 64;
    const uint64_t *p0 = planes, *p1 = p0 + words, *p2 = p1 + words, *p3 = p2 + words;
    for (size_t r = 0; r < count; r++) {
        const uint64_t *row = rows[r];
        uint64_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (size_t i = 0; i < words; i++) {
            uint64_t bits;
            memcpy(&bits, row + i, sizeof(bits));
            s0 += (uint64_t)__builtin_popcountll(bits & p0[i]);
            s1 += (uint64_t)__builtin_popcountll(bits & p1[i]);
            s2 += (uint64_t)__builtin_popcountll(bits & p2[i]);
            s3 += (uint64_t)__builtin_popcountll(bits & p3[i]);
        }
        ret[r] = (int32_t)(s0 + 2 * s1 + 4 * s2 + 8 * s3);
    }
}

static void slice_u4(const uint8_t *values, size_t n, uint64_t *ret_planes)
{
    const size_t words = (n + 63) / 64;
    memset(ret_planes, 0, 4 * words * sizeof(ret_planes[0]));
    for (size_t i = 0; i < n; i += 32) {
        uint8_t rest[32] = {0};
        if (n - i < 32)
            memcpy(rest, values + i, n - i);
        __m256i x = load(n - i < 32 ? rest : values + i);
        for (int p = 0; p < 4; p++) { /* moves bit p to the top of its byte */
            uint32_t plane = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(x, 7 - p));
            ret_planes[(size_t)p * words + i / 64] |= (uint64_t)plane << i % 64;
        }
    }
}

void vek_avx2_codes(struct vek_kernels *v)
{
    v->dot_s8_u2_rows = dot_s8_u2_rows;
    v->dot_s8_b1_rows = dot_s8_b1_rows;
    v->dot_u4_b1_rows = dot_u4_b1_rows;
    v->slice_u4 = slice_u4;
    v->dot_s8_u4_rows = dot_s8_u4_rows;
}
