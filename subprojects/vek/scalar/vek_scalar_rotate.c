/* vek_scalar_rotate.c -- the specification of the rotation of a vector before it becomes a code of
 * few bits: the Walsh-Hadamard transform, and flips of signs. */
#include "vek_variants.h"
#include <math.h>

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

void vek_scalar_rotate(struct vek_kernels *v)
{
    v->fht_f32 = fht_f32;
    v->flip_f32 = flip_f32;
}
