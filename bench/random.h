/* random.h -- pseudorandom numbers from a seed: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), and
 * normal deviates by the polar method (Marsaglia and Bray, SIAM Review 1964). */
#pragma once

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_u64(struct random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* In [0, 1). */
static inline double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

/* In [0, n). */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
    return (uint32_t)(((random_u64(r) >> 32) * n) >> 32);
}

static inline double random_normal(struct random *r)
{
    double x, y, s;
    do {
        x = 2 * random_unit(r) - 1;
        y = 2 * random_unit(r) - 1;
        s = x * x + y * y;
    } while (s >= 1 || s == 0);
    return x * sqrt(-2 * log(s) / s);
}

/* The time to the next arrival of a Poisson process with this rate per unit of time. */
static inline double random_exponential(struct random *r, double rate)
{
    return -log1p(-random_unit(r)) / rate;
}
