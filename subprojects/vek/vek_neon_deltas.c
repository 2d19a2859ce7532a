/* vek_neon_deltas.c -- four differences a table look-up, and their sums (AArch64 Advanced SIMD). */
#include "vek_deltas.h"
#include "vek_variants.h"
#include <arm_neon.h>

static const uint8_t *decode_deltas(const uint8_t *control, const uint8_t *data, size_t count, uint32_t *ret)
{
    const uint32x4_t zero = vdupq_n_u32(0);
    uint32x4_t last = zero;
    for (size_t i = 0; i < count; i += 4) {
        const uint8_t c = control[i / 4];
        uint32x4_t x = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(data), vld1q_u8(vek_delta_tables.shuffle[c])));
        x = vaddq_u32(x, vextq_u32(zero, x, 3));
        x = vaddq_u32(vaddq_u32(x, last), vextq_u32(zero, x, 2));
        vst1q_u32(ret + i, x);
        last = vdupq_laneq_u32(x, 3);
        data += vek_delta_tables.bytes[c];
    }
    return data - (count + 3) / 4 * 4 + count; /* those of the last four that are not there have a byte each */
}

void vek_neon_deltas(struct vek_kernels *v)
{
    v->decode_deltas = decode_deltas;
}
