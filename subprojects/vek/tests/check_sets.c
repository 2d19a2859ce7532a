/* check_sets.c -- sets of any shape are read back as they were written; random bytes are read
 * without an overrun. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Makes up to `most` different numbers below limit. */
static uint32_t numbers(uint32_t most, uint32_t limit, enum fill fill, uint32_t *ret)
{
    uint32_t n = 0, kept = 0;
    for (; n < most; n++)
        ret[n] = fill == FILL_ZERO ? n % limit : fill == FILL_HUGE ? limit - 1 - n % limit : rng() % limit;
    qsort(ret, n, sizeof(ret[0]), ascending);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || ret[i] != ret[kept - 1])
            ret[kept++] = ret[i];
    return kept;
}

bool check_sets(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    static uint32_t want[VEK_SET_MAX + 16], got[VEK_SET_MAX + 16], spec[VEK_SET_MAX + 16];
    const uint32_t max = 4 + (uint32_t)n % (VEK_SET_MAX - 3);
    const uint32_t limit = 1 + (rng() & (((uint32_t)2 << rng() % 30) - 1)) % ((uint32_t)1 << 30);
    struct vek_set_shape shape;
    vek_set_shape_init(&shape, max, limit);
    /* the allocation ends at the last byte that may be read */
    uint8_t *set = calloc(1, shape.bytes + VEK_SET_SPARE);
    const uint32_t count = numbers(n % 3 ? max : rng() % (max + 1), limit, fill, want);
    vek_set_write(&shape, want, count, set);
    bool ok = shape.low_bits <= 25 && shape.bytes % 8 == 0;
    ok = ok && v->set_read(&shape, set, got) == count && memcmp(got, want, count * sizeof(got[0])) == 0;
    ok = ok && s->set_read(&shape, set, spec) == count && memcmp(spec, want, count * sizeof(got[0])) == 0;
    for (size_t i = 0; i < shape.bytes; i++)
        set[i] = byte_of(fill);
    const uint32_t some = s->set_read(&shape, set, spec);
    ok = ok && some <= max && v->set_read(&shape, set, got) == some && memcmp(got, spec, some * sizeof(got[0])) == 0;
    free(set);
    return ok;
}
