/* check_deltas.c -- lists of ascending numbers come back as they were. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

/* Differences of all lengths: a short one, or one that fills two, three or four bytes. */
static uint32_t some_delta(enum fill fill)
{
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return rng() >> 12;
    case FILL_EXTREME: return 1u << rng() % 19;
    default: return rng() >> (8 + 8 * (rng() % 3)) & 0xfffff;
    }
}

bool check_deltas(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    static uint32_t values[N_MAX + 3], got[N_MAX + 3 + GUARD];
    static uint8_t control[N_MAX / 4 + 1];
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++)
        values[i] = value += i == 1 && fill == FILL_HUGE ? rng() >> 2 : some_delta(fill);
    uint8_t *data = malloc(4 * n + VEK_DELTAS_SPARE);
    const size_t bytes = vek_encode_deltas(values, n, control, data);
    data = realloc(data, bytes + VEK_DELTAS_SPARE); /* ends where it may be read to */
    memset(got, 0xaa, sizeof(got));
    bool ok = v->decode_deltas(control, data, n, got) == data + bytes && memcmp(got, values, n * sizeof(got[0])) == 0 &&
              got[n + 3] == 0xaaaaaaaa;
    ok = ok && s->decode_deltas(control, data, n, got) == data + bytes && memcmp(got, values, n * sizeof(got[0])) == 0;
    free(data);
    return ok;
}
