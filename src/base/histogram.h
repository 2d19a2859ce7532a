/* histogram.h -- counts of durations with a bounded relative error, after HdrHistogram (Gil Tene).
 *
 * Values are nanoseconds. Below 64 they are exact. Above, each power of two has 32 buckets, so a
 * reported percentile is at most 3.2 % too high. Fixed size, no allocation, single-threaded. Two
 * histograms are merged by adding them. */
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
/* Subtracts `earlier`, an older copy of the same histogram. min and max then come from the
 * buckets. */
void histogram_subtract(struct histogram *h, const struct histogram *earlier);
void histogram_merge(struct histogram *h, const struct histogram *other);
/* 0 when empty; percent = 100 gives the maximum */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* histogram_used() counts the buckets that are not empty. histogram_next() returns the first of
 * them from `bucket` on, or HISTOGRAM_BUCKETS. */
unsigned histogram_used(const struct histogram *h);
unsigned histogram_next(const struct histogram *h, unsigned bucket);
/* the bucket of a value */
unsigned histogram_bucket(uint64_t value);
/* the largest value of a bucket */
uint64_t histogram_bucket_top(unsigned bucket);
/* how many values lie in buckets that end at or below `value`; for cumulative buckets */
uint64_t histogram_count_at_most(const struct histogram *h, uint64_t value);
