/* check_rotate.c -- the Walsh-Hadamard transform, and flips of signs. */
#include "check.h"
#include <math.h>
#include <string.h>

/* Compares with the definition: entry (i, j) of the matrix is -1 to the power of the number of ones
 * in i & j. */
static bool is_transform(const float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0, magnitude = 0;
        for (size_t j = 0; j < n; j++) {
            sum += __builtin_popcountll(i & j) & 1 ? -(double)x[j] : (double)x[j];
            magnitude += fabs((double)x[j]);
        }
        if (fabs(sum / sqrt((double)n) - (double)y[i]) > magnitude * 0x1p-20)
            return false;
    }
    return true;
}

bool check_fht(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    static float got[4096 + 1], want[4096 + 1], x[4096];
    if (n == 0 || (n & (n - 1)) != 0)
        return true;
    for (size_t i = 0; i < n; i++)
        got[i + 1] = want[i] = x[i] = float_of(fill);
    got[0] = 42;
    want[n] = 42;
    v->fht_f32(got + 1, n);
    s->fht_f32(want, n);
    return memcmp(got + 1, want, n * sizeof(float)) == 0 && got[0] == 42 && want[n] == 42 &&
           (n > 512 || is_transform(x, want, n));
}

bool check_flips(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n, 4, fill);
    static uint64_t bits[N_MAX / 64 + 1];
    static float got[N_MAX + 1], want[N_MAX];
    for (size_t i = 0; i <= n / 64; i++)
        bits[i] = (uint64_t)rng() << 32 | rng();
    memcpy(got, in.row[2], n * sizeof(float));
    memcpy(want, in.row[2], n * sizeof(float));
    got[n] = 42;
    v->flip_f32(got, bits, n);
    s->flip_f32(want, bits, n);
    bool ok = got[n] == 42 && memcmp(got, want, n * sizeof(float)) == 0;
    for (size_t i = 0; i < n; i++) {
        const bool flipped = bits[i / 64] >> i % 64 & 1, was = signbit(((const float *)in.row[2])[i]);
        const bool is = signbit(want[i]);
        ok = ok && is == (was != flipped);
    }
    input_fini(&in);
    return ok;
}
