/* vek_scalar_codes.c -- the specification of the codes of fewer than 8 bits. */
#include "vek_variants.h"
#include <math.h>

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
    v->encode_u4 = encode_u4;
}
