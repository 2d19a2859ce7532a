/* test_histogram.c -- percentiles are near those of a sorted array of the same values. */
#include "base/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define N 20000

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

Test(histogram, percentiles_are_within_its_error_of_the_sorted_values)
{
    static struct histogram h;
    static uint64_t values[N];
    uint64_t state = 1;
    histogram_init(&h);
    for (size_t i = 0; i < N; i++) {
        values[i] = next(&state) >> next(&state) % 31;
        histogram_add(&h, values[i]);
    }
    qsort(values, N, sizeof(values[0]), by_value);
    const double percents[] = {0.1, 10, 50, 90, 99, 99.9};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        double exact = (double)values[(size_t)(percents[i] / 100 * N + 0.5) - 1];
        double got = (double)histogram_percentile(&h, percents[i]);
        cr_assert(got >= exact && got <= exact * 1.032 + 1, "p%g: %g for %g", percents[i], got, exact);
    }
    cr_assert_eq(histogram_percentile(&h, 100), values[N - 1]);
    cr_assert_eq(h.min, values[0]);
}

Test(histogram, two_merged_are_one_that_saw_all)
{
    static struct histogram a, b, both;
    histogram_init(&a), histogram_init(&b), histogram_init(&both);
    for (uint64_t v = 1; v < 1000000; v = v * 5 / 4 + 1) {
        histogram_add(v % 2 ? &a : &b, v);
        histogram_add(&both, v);
    }
    histogram_merge(&a, &b);
    cr_assert_arr_eq((char *)&a, (char *)&both, sizeof(a));
}

Test(histogram, holds_the_smallest_and_the_largest_value_there_is)
{
    static struct histogram h;
    histogram_init(&h);
    cr_assert_eq(histogram_percentile(&h, 50), 0);
    histogram_add(&h, 0);
    histogram_add(&h, UINT64_MAX);
    cr_assert_eq(histogram_percentile(&h, 1), 0);
    cr_assert_eq(histogram_percentile(&h, 100), UINT64_MAX);
    cr_assert_eq(histogram_count_at_most(&h, 1), 1);
    cr_assert_eq(histogram_count_at_most(&h, UINT64_MAX), 2);
}

Test(histogram, what_came_since_is_the_difference)
{
    static struct histogram before, now;
    histogram_init(&before), histogram_init(&now);
    histogram_add_many(&before, 50, 3);
    histogram_add_many(&now, 50, 3);
    histogram_add_many(&now, 40, 2);
    histogram_add_many(&now, 1000000, 5);
    cr_assert_eq(histogram_used(&now), 3);
    histogram_subtract(&now, &before);
    cr_assert(now.count == 7 && now.sum == 5000080 && histogram_used(&now) == 2);
    cr_assert(now.min == 40 && now.max >= 1000000 && now.max <= 1032000);
    cr_assert_eq(histogram_percentile(&now, 20), 40);
    unsigned bucket = histogram_next(&now, 0);
    cr_assert(histogram_bucket_top(bucket) == 40 && now.buckets[bucket] == 2);
    bucket = histogram_next(&now, bucket + 1);
    cr_assert_eq(now.buckets[bucket], 5);
    cr_assert_eq(histogram_next(&now, bucket + 1), HISTOGRAM_BUCKETS);
    histogram_subtract(&now, &now);
    cr_assert_eq(histogram_percentile(&now, 99), 0);
}
