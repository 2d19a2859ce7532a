/* check.c -- inputs and tolerances. */
#include "check.h"
#include <math.h>
#include <stdlib.h>

static uint64_t rng_state = 88172645463325252u;

uint32_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 32);
}

float float_of(enum fill fill)
{
    float u = (float)rng() / 4294967296.0f * 2 - 1;
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return u * 1e17f; /* squares and their sums stay below FLT_MAX */
    case FILL_EXTREME: return rng() & 1 ? 1e-20f : -1;
    default: return u;
    }
}

uint8_t byte_of(enum fill fill)
{
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return 0xff;
    case FILL_EXTREME: return rng() & 1 ? 0x80 : 0x7f;
    default: return (uint8_t)rng();
    }
}

void input_init(struct input *in, size_t n, size_t width, enum fill fill)
{
    in->n = n;
    for (size_t r = 0; r <= ROWS_MAX; r++) {
        size_t shift = width == 4 ? 4 * (r % 8) : r * 7 % 64;
        in->block[r] = malloc(shift + n * width + 1);
        uint8_t *p = in->block[r] + shift;
        in->row[r] = p;
        for (size_t i = 0; i < n; i++) {
            if (width == 4)
                ((float *)p)[i] = float_of(fill);
            else
                p[i] = byte_of(fill);
        }
    }
}

void input_fini(struct input *in)
{
    for (size_t r = 0; r <= ROWS_MAX; r++)
        free(in->block[r]);
}

bool near(float got, float want, const float *a, const float *b, size_t n, bool l2)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - b[i];
        sum += l2 ? d * d : fabs((double)a[i] * b[i]);
    }
    return fabs((double)got - want) <= 2.0 * (double)(n + 1) * 0x1p-24 * sum + 0x1p-126;
}
