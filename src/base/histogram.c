/* histogram.c -- each power of two is divided into equal buckets. The leading zeros of a value give
 * its power, and the next bits its bucket. */
#include "base/histogram.h"

#include <string.h>

#define EXACT_BELOW 64
#define STEP_BITS   5 /* log2(HISTOGRAM_STEPS) */

unsigned histogram_bucket(uint64_t value)
{
    if (value < EXACT_BELOW)
        return (unsigned)value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value); /* 6..63 */
    unsigned step = (unsigned)(value >> (exponent - STEP_BITS)) & (HISTOGRAM_STEPS - 1);
    return EXACT_BELOW + (exponent - 6) * HISTOGRAM_STEPS + step;
}

uint64_t histogram_bucket_top(unsigned bucket)
{
    if (bucket < EXACT_BELOW)
        return bucket;
    unsigned exponent = 6 + (bucket - EXACT_BELOW) / HISTOGRAM_STEPS;
    uint64_t step = (bucket - EXACT_BELOW) % HISTOGRAM_STEPS;
    uint64_t width = (uint64_t)1 << (exponent - STEP_BITS);
    return ((uint64_t)1 << exponent) + step * width + (width - 1);
}

void histogram_init(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
    h->min = UINT64_MAX;
}

void histogram_add_many(struct histogram *h, uint64_t value, uint64_t times)
{
    h->count += times;
    h->sum += value * times;
    if (value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->buckets[histogram_bucket(value)] += times;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    histogram_add_many(h, value, 1);
}

void histogram_subtract(struct histogram *h, const struct histogram *earlier)
{
    h->count -= earlier->count;
    h->sum -= earlier->sum;
    h->min = UINT64_MAX;
    h->max = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->buckets[i] -= earlier->buckets[i];
        if (h->buckets[i]) {
            h->min = h->min < histogram_bucket_top(i) ? h->min : histogram_bucket_top(i);
            h->max = histogram_bucket_top(i);
        }
    }
}

void histogram_merge(struct histogram *h, const struct histogram *other)
{
    h->count += other->count;
    h->sum += other->sum;
    if (other->min < h->min)
        h->min = other->min;
    if (other->max > h->max)
        h->max = other->max;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += other->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)(percent / 100.0 * (double)h->count + 0.5), seen = 0;
    if (rank < 1)
        rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank)
            return histogram_bucket_top(i) < h->max ? histogram_bucket_top(i) : h->max;
    }
    return h->max;
}

uint64_t histogram_count_at_most(const struct histogram *h, uint64_t value)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram_bucket_top(i) <= value; i++)
        n += h->buckets[i];
    return n;
}

unsigned histogram_next(const struct histogram *h, unsigned bucket)
{
    while (bucket < HISTOGRAM_BUCKETS && h->buckets[bucket] == 0)
        bucket++;
    return bucket;
}

unsigned histogram_used(const struct histogram *h)
{
    unsigned n = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        n += h->buckets[i] != 0;
    return n;
}
