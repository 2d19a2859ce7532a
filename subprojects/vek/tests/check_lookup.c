/* check_lookup.c -- sums of table lookups for 1-bit codes. */
#include "check.h"

bool check_lookup(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input codes, tables;
    input_init(&codes, n * 64, 1, fill);
    input_init(&tables, n * 32, 1, fill);
    uint8_t *table = (uint8_t *)tables.row[1];
    for (size_t i = 0; i < n * 32; i++)
        table[i] &= 127;
    float factors[128];
    uint16_t numbers[128];
    for (size_t i = 0; i < 128; i++)
        factors[i] = (float)(int32_t)(rng() % 2001) / 1000 - 1;
    s->bf16_of_f32(factors, 128, numbers);
    const float middle = 60 * (float)n;
    const struct vek_lookup q = {.tables = table, .bytes = n, .scale = 0.7f, .bias = -middle};
    bool ok = true;
    for (int below = -50; below <= 50; below++) {
        uint64_t near = v->lookup_b1_64(&q, codes.row[0], numbers, (float)below * middle / 50);
        ok = ok && near == s->lookup_b1_64(&q, codes.row[0], numbers, (float)below * middle / 50);
    }
    input_fini(&codes);
    input_fini(&tables);
    return ok;
}
