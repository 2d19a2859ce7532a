/* vek_sets.c -- sets of numbers in a fixed number of bytes (Elias 1974, Fano 1971).
 *
 *   upper   u64 [words]   bit (x >> low_bits) + i is set for the i-th number x in ascending order
 *   lower   low_bits of each number, one behind another from the low bit of the first byte up
 *
 * low_bits is chosen so that the upper part has about two bits a number. Then the size is within
 * half a bit a number of the minimum. Unlike differences in whole bytes, no number depends on the
 * one before it, and the position of a set follows from its index alone. */
#include "vek.h"
#include <string.h>

void vek_set_shape_init(struct vek_set_shape *s, uint32_t max, uint32_t limit)
{
    *s = (struct vek_set_shape){.max = max, .words = (2 * max + 63) / 64};
    while (max - 1 + ((limit ? limit - 1 : 0) >> s->low_bits) >= 64 * s->words)
        s->low_bits++;
    s->bytes = 8 * s->words + (max * s->low_bits + 63) / 64 * 8;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned bit = i * s->low_bits;
        for (unsigned byte = 0; byte < 4; byte++)
            s->sixteen_bytes[4 * i + byte] = (uint8_t)(bit / 8 + byte);
        s->sixteen_shift[i] = bit % 8;
    }
    for (unsigned odd = 0; odd < 2; odd++) {
        for (unsigned i = 0; i < 4; i++) {
            const unsigned bit = i * s->low_bits + 4 * odd;
            for (unsigned byte = 0; byte < 4; byte++)
                s->four_bytes[odd][4 * i + byte] = (uint8_t)(bit / 8 + byte);
            s->four_shift[odd][i] = bit % 8;
        }
    }
}

static void put_bits(uint8_t *bytes, size_t at, unsigned count, uint32_t x)
{
    for (unsigned b = 0; b < count; b++)
        bytes[(at + b) / 8] |= (uint8_t)((x >> b & 1) << (at + b) % 8);
}

void vek_set_write(const struct vek_set_shape *s, const uint32_t *ascending, uint32_t count, uint8_t *ret)
{
    memset(ret, 0, s->bytes);
    for (uint32_t i = 0; i < count; i++) {
        put_bits(ret, (ascending[i] >> s->low_bits) + i, 1, 1);
        put_bits(ret + 8 * s->words, (size_t)i * s->low_bits, s->low_bits, ascending[i]);
    }
}
