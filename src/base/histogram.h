/* histogram.h -- counts of durations with a bounded relative error, after HdrHistogram (Gil Tene).
 *
 * Values are nanoseconds. Below 64 they are exact; above, each power of two is cut into 32 steps,
 * so a reported percentile is at most 3.2 % off. Fixed size, no allocation, single-threaded; two
 * histograms merge by adding. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS   32
#define HISTOGRAM_BUCKETS (64 + 58 * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count, sum, min, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
void histogram_add_many(struct histogram *h, uint64_t value, uint64_t times);
/* Takes out what `earlier`, the same histogram some time ago, had. min and max are then
 * those of the buckets. */
void histogram_subtract(struct histogram *h, const struct histogram *earlier);
void histogram_merge(struct histogram *h, const struct histogram *other);
/* 0 when empty; 100 gives the maximum */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* The buckets that are not empty: how many there are, and the first from `bucket` on,
 * HISTOGRAM_BUCKETS if there is none. */
unsigned histogram_used(const struct histogram *h);
unsigned histogram_next(const struct histogram *h, unsigned bucket);
/* that it falls into */
unsigned histogram_bucket(uint64_t value);
/* the largest value that falls into it */
uint64_t histogram_bucket_top(unsigned bucket);
/* for cumulative buckets */
uint64_t histogram_count_at_most(const struct histogram *h, uint64_t value);
