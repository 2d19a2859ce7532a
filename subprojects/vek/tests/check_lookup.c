/* check_lookup.c -- sums of 1-bit codes that are looked up. */
#include "check.h"
#include <string.h>

bool check_lookup(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input codes, tables;
    input_init(&codes, n * 64, 1, fill);
    input_init(&tables, n * 32, 1, fill);
    uint8_t *table = (uint8_t *)tables.row[1];
    for (size_t i = 0; i < n * 32; i++)
        table[i] &= 127;
    float factors[192], got[65], want[65];
    for (size_t i = 0; i < 192; i++)
        factors[i] = (float)(int32_t)(rng() % 2001) / 1000 - (i < 128 ? 1 : 0);
    got[64] = want[64] = 42;
    const float middle = 60 * (float)n;
    const struct vek_lookup q = {.tables = table, .bytes = n, .scale = 0.7f, .bias = -middle, .reach = 3};
    bool ok = true;
    for (int below = -1; below <= 1; below++) {
        uint64_t near = v->lookup_b1_64(&q, codes.row[0], factors, (float)below * middle / 3, got);
        ok = ok && near == s->lookup_b1_64(&q, codes.row[0], factors, (float)below * middle / 3, want);
        ok = ok && memcmp(got, want, sizeof(got)) == 0;
    }
    input_fini(&codes);
    input_fini(&tables);
    return ok;
}
