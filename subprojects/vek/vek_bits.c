/* vek_bits.c -- codes of any number of bits, as parts of 4, 2 and 1 bits. Each kind of part has a
 * fast product, and no bits are wasted. */
#include "vek.h"
#include <string.h>

#define ROWS_AT_ONCE 16

typedef void (*dot_fn)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

static dot_fn dot_of(unsigned bits)
{
    return bits == 8   ? vek.dot_s8_u8_rows
           : bits == 4 ? vek.dot_s8_u4_rows
           : bits == 2 ? vek.dot_s8_u2_rows
                       : vek.dot_s8_b1_rows;
}

static unsigned first_part(unsigned bits)
{
    return bits >= 8 ? 8 : bits >= 4 ? 4 : bits >= 2 ? 2 : 1;
}

static void dot_parts(const int8_t *query, const void *const *rows, size_t count, size_t n, unsigned bits, int32_t *ret)
{
    const void *part[ROWS_AT_ONCE];
    int32_t dots[ROWS_AT_ONCE];
    size_t at = 0;
    memset(ret, 0, count * sizeof(ret[0]));
    for (unsigned width; bits > 0; bits -= width) {
        width = first_part(bits);
        for (size_t r = 0; r < count; r++)
            part[r] = (const uint8_t *)rows[r] + at;
        dot_of(width)(query, part, count, n, dots);
        for (size_t r = 0; r < count; r++)
            ret[r] = ret[r] * (1 << width) + dots[r];
        at += n * width / 8;
    }
}

void vek_dot_s8_bits_rows(const int8_t *query, const void *const *rows, size_t count, size_t n, unsigned bits,
                          int32_t *ret)
{
    if (bits == first_part(bits)) {
        dot_of(bits)(query, rows, count, n, ret);
        return;
    }
    for (size_t r = 0; r < count; r += ROWS_AT_ONCE)
        dot_parts(query, rows + r, count - r < ROWS_AT_ONCE ? count - r : ROWS_AT_ONCE, n, bits, ret + r);
}

/* Writes the code of dimension i into a part. In a block of 128 dimensions, those 128 / (8 / width)
 * apart share a byte. */
static void put(uint8_t *part, size_t i, unsigned width, uint8_t code)
{
    const size_t block_bytes = 16 * width;
    if (width == 1)
        part[i / 8] |= (uint8_t)(code << i % 8);
    else
        part[i / 128 * block_bytes + i % 128 % block_bytes] |= (uint8_t)(code << i % 128 / block_bytes * width);
}

void vek_pack_bits(const uint8_t *codes, size_t n, unsigned bits, uint8_t *ret)
{
    memset(ret, 0, n * bits / 8);
    for (unsigned width; bits > 0; bits -= width) {
        width = first_part(bits);
        for (size_t i = 0; i < n; i++)
            put(ret, i, width, (uint8_t)(codes[i] >> (bits - width) & ((1u << width) - 1)));
        ret += n * width / 8;
    }
}
