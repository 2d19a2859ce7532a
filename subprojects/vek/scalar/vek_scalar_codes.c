/* vek_scalar_codes.c -- the specification of codes of fewer than 8 bits. */
#include "vek_variants.h"
#include <math.h>
#include <string.h>

static int32_t dot_s8_u4(const int8_t *query, const uint8_t *row, size_t n)
{
    int32_t sum = 0;
    for (size_t block = 0; block < n; block += 128) {
        for (size_t i = 0; i < 64; i++) {
            uint8_t code = row[block / 2 + i];
            sum += query[block + i] * (code & 15) + query[block + 64 + i] * (code >> 4);
        }
    }
    return sum;
}

static void dot_s8_u4_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_u4(query, rows[r], n);
}

static int32_t dot_s8_u2(const int8_t *query, const uint8_t *row, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += query[i] * (row[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3);
    return sum;
}

static int32_t dot_s8_b1(const int8_t *query, const uint8_t *row, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += query[i] * (row[i / 8] >> i % 8 & 1);
    return sum;
}

static void dot_s8_u2_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_u2(query, rows[r], n);
}

static void dot_s8_b1_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    for (size_t r = 0; r < count; r++)
        ret[r] = dot_s8_b1(query, rows[r], n);
}

static void dot_u4_b1_rows(const uint64_t *planes, const void *const *rows, size_t count, size_t n, int32_t *ret)
{
    const size_t words = n / 64;
    for (size_t r = 0; r < count; r++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < words; i++) {
            uint64_t bits;
            memcpy(&bits, (const uint8_t *)rows[r] + i * sizeof(bits), sizeof(bits));
            for (size_t p = 0; p < 4; p++)
                sum += (uint32_t)__builtin_popcountll(bits & planes[p * words + i]) << p;
        }
        ret[r] = (int32_t)sum;
    }
}

static void slice_u4(const uint8_t *values, size_t n, uint64_t *ret_planes)
{
    const size_t words = (n + 63) / 64;
    memset(ret_planes, 0, 4 * words * sizeof(ret_planes[0]));
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < 4; p++)
            ret_planes[p * words + i / 64] |= (uint64_t)(values[i] >> p & 1) << i % 64;
}

static uint8_t code_u4(const float *x, const float *low, const float *inverse_step, size_t i, size_t n)
{
    if (i >= n)
        return 0;
    float v = rintf((x[i] - low[i]) * inverse_step[i]);
    return (uint8_t)(v < 0 ? 0 : v > 15 ? 15 : v);
}

static void encode_u4(const float *x, const float *low, const float *inverse_step, size_t n, uint8_t *ret)
{
    for (size_t block = 0; block < n; block += 128) {
        for (size_t i = 0; i < 64; i++) {
            uint8_t even = code_u4(x, low, inverse_step, block + i, n);
            uint8_t odd = code_u4(x, low, inverse_step, block + 64 + i, n);
            ret[block / 2 + i] = (uint8_t)(even | odd << 4);
        }
    }
}

void vek_scalar_codes(struct vek_kernels *v)
{
    v->dot_s8_u4_rows = dot_s8_u4_rows;
    v->dot_s8_u2_rows = dot_s8_u2_rows;
    v->dot_s8_b1_rows = dot_s8_b1_rows;
    v->dot_u4_b1_rows = dot_u4_b1_rows;
    v->slice_u4 = slice_u4;
    v->encode_u4 = encode_u4;
}
