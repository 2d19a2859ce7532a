/* vek_scalar_lookup.c -- the specification of sums of table lookups (Andre, Kermarrec & Le
 * Scouarnec, VLDB 2015). */
#include "vek_variants.h"
#include <string.h>

static float float_of(uint16_t bf16)
{
    const uint32_t bits = (uint32_t)bf16 << 16;
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static uint64_t lookup_b1_64(const struct vek_lookup *q, const uint8_t *codes, const uint16_t *numbers, float below)
{
    uint64_t near = 0;
    for (size_t r = 0; r < 64; r++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < q->bytes; i++) {
            const uint8_t code = codes[64 * i + r], *table = q->tables + 32 * i;
            sum += (uint32_t)table[code & 15] + table[16 + (code >> 4)];
        }
        const float dot = q->scale * (float)(int32_t)sum + q->bias;
        near |= (uint64_t)(float_of(numbers[r]) + float_of(numbers[64 + r]) * dot < below) << r;
    }
    return near;
}

void vek_scalar_lookup(struct vek_kernels *v)
{
    v->lookup_b1_64 = lookup_b1_64;
}
