/* vek_scalar_sets.c -- the specification of reading sets. */
#include "vek_variants.h"
#include <string.h>

/* The `count` bits, at most 25, from bit `at` on. */
static uint32_t get_bits(const uint8_t *bytes, size_t at, unsigned count)
{
    uint32_t x;
    memcpy(&x, bytes + at / 8, sizeof(x));
    return x >> at % 8 & ((1u << count) - 1);
}

static uint32_t set_read(const struct vek_set_shape *s, const uint8_t *set, uint32_t *ret)
{
    const uint8_t *lower = set + 8 * s->words;
    uint32_t n = 0;
    for (uint32_t bit = 0; bit < 64 * s->words && n < s->max; bit++) {
        if (set[bit / 8] >> bit % 8 & 1) {
            ret[n] = (bit - n) << s->low_bits | get_bits(lower, (size_t)n * s->low_bits, s->low_bits);
            n++;
        }
    }
    return n;
}

void vek_scalar_sets(struct vek_kernels *v)
{
    v->set_read = set_read;
}
