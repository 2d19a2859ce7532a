/* vek_scalar_deltas.c -- the specification of how differences are read back. */
#include "vek_variants.h"

static const uint8_t *decode_deltas(const uint8_t *control, const uint8_t *data, size_t count, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned bytes = 1 + (control[i / 4] >> i % 4 * 2 & 3);
        uint32_t delta = 0;
        for (unsigned b = 0; b < bytes; b++)
            delta |= (uint32_t)*data++ << 8 * b;
        value += delta;
        ret[i] = value;
    }
    return data;
}

void vek_scalar_deltas(struct vek_kernels *v)
{
    v->decode_deltas = decode_deltas;
}
