/* vek_scalar_rotate.c -- the specification of what turns a vector before its signs become a code. */
#include "vek_variants.h"
#include <math.h>
#include <string.h>

static void fht_f32(float *x, size_t n)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t block = 0; block < n; block += 2 * half) {
            for (size_t i = block; i < block + half; i++) {
                float a = x[i], b = x[i + half];
                x[i] = a + b;
                x[i + half] = a - b;
            }
        }
    }
    const float scale = 1 / sqrtf((float)n);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

static void flip_f32(float *x, const uint64_t *bits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = bits[i / 64] >> i % 64 & 1 ? -x[i] : x[i];
}

static void signs_f32(const float *x, size_t n, uint64_t *ret_bits)
{
    memset(ret_bits, 0, (n + 63) / 64 * sizeof(ret_bits[0]));
    for (size_t i = 0; i < n; i++)
        ret_bits[i / 64] |= (uint64_t)(x[i] > 0) << i % 64;
}

void vek_scalar_rotate(struct vek_kernels *v)
{
    v->fht_f32 = fht_f32;
    v->flip_f32 = flip_f32;
    v->signs_f32 = signs_f32;
}
