/* rotation.c -- four rounds of random sign flips and Walsh-Hadamard transforms, as in RaBitQ's
 * library (Gao & Long, SIGMOD 2024; the mixing of halves is from Kac's random walk).
 *
 * A transform needs a power of two. If the number of dimensions is none, the transform is
 * applied to the first of them and to the last of them in turn. Then pairs (x[i], x[i + half])
 * are rotated by 45 degrees, so that every value reaches all places. */
#include "vectors/codes/rotation.h"

#include "base/memory.h"
#include "vek.h"

#define ROUNDS 4
#define SEED   0x6b69746820726f74u

static uint32_t words(uint32_t dims)
{
    return dims / 64;
}

uint64_t rotation_bytes(uint32_t dims)
{
    return (uint64_t)ROUNDS * words(dims) * sizeof(uint64_t);
}

uint64_t *rotation_flips(uint32_t dims)
{
    uint64_t *flips = memory_aligned(rotation_bytes(dims)), state = SEED + dims;
    for (uint32_t i = 0; flips && i < ROUNDS * words(dims); i++) { /* SplitMix64 */
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        flips[i] = z ^ (z >> 31);
    }
    return flips;
}

static void mix_halves(float *x, uint32_t dims)
{
    const float scale = 0.70710678f;
    float *a = x, *b = x + dims / 2;
    for (uint32_t i = 0; i < dims / 2; i++) {
        const float sum = (a[i] + b[i]) * scale, difference = (a[i] - b[i]) * scale;
        a[i] = sum;
        b[i] = difference;
    }
}

void rotation_apply(const uint64_t *flips, uint32_t dims, float *x)
{
    uint32_t power = ROTATION_BLOCK;
    while (power * 2 <= dims)
        power *= 2;
    for (unsigned round = 0; round < ROUNDS; round++) {
        vek.flip_f32(x, flips + (size_t)round * words(dims), dims);
        vek.fht_f32(round % 2 == 0 ? x : x + dims - power, power);
        if (power != dims)
            mix_halves(x, dims);
    }
}
