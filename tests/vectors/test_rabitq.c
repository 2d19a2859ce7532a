/* test_rabitq.c -- the rotation keeps lengths and angles and makes all dimensions alike;
 * estimates are right on average, better with more bits, and seldom beyond their bound. */
#include "vectors/codes/codes.h"
#include "vectors/codes/rotation.h"

#include "base/memory.h"
#include "dataset.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

Test(rotation, keeps_lengths_and_angles_and_spreads_one_dimension_over_all)
{
    static const uint32_t sizes[] = {128, 256, 384, 768, 896, 1536, 65536};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const uint32_t dims = sizes[i];
        uint64_t *flips = rotation_flips(dims);
        float *a = memory_aligned(dims * sizeof(float)), *b = memory_aligned(dims * sizeof(float)), largest = 0;
        double aa = 0, ab = 0;
        cr_assert(flips && a && b);
        a[3] = 1;
        b[3] = 3;
        b[dims - 1] = 4;
        rotation_apply(flips, dims, a);
        rotation_apply(flips, dims, b);
        for (uint32_t j = 0; j < dims; j++) {
            aa += a[j] * a[j];
            ab += a[j] * b[j];
            largest = fmaxf(largest, fabsf(a[j]));
        }
        cr_assert_float_eq(aa, 1, 1e-4);
        cr_assert_float_eq(ab, 3, 1e-3);
        cr_assert_lt(largest, 6 / sqrtf((float)dims), "%u dimensions: %g", dims, (double)largest * sqrt(dims));
        free(flips);
        free(a);
        free(b);
    }
}

static void encode(struct codes *c, const struct dataset *d, unsigned bits)
{
    struct codes_sample sample;
    cr_assert_eq(codes_sample_init(&sample, d->dim), 0);
    for (uint32_t i = 0; i < d->count; i++)
        codes_sample_add(&sample, dataset_row(d, i), d->dim);
    const struct codes_training training = {.sample = &sample, .vectors = &d->rows, .count = d->count};
    cr_assert_eq(codes_init(c, (struct code_type){CODE_RABITQ, bits}, d->metric, d->dim), 0);
    cr_assert_eq(codes_train(c, &training), 0);
    codes_sample_fini(&sample);
    for (uint32_t i = 0; i < d->count; i++)
        cr_assert_eq(codes_append(c, dataset_row(d, i)), 0);
}

/* The errors of estimates over many pairs. */
struct errors {
    double mean, deviation; /* of estimate - distance, over the deviation of distances */
    double beyond;          /* share of distances below the bound */
};

static struct errors errors_of(const struct codes *c, const struct dataset *d)
{
    void *room = memory_aligned(codes_query_bytes(c));
    double sum = 0, squares = 0, all = 0, all_squares = 0;
    uint32_t pairs = 0, beyond = 0;
    for (uint32_t i = 0; i < 40; i++) {
        struct codes_query q;
        codes_query_init(&q, c, dataset_row(d, i), room);
        for (uint32_t row = 40; row < d->count; row++) {
            const void *at[1];
            float estimate, distance = vectors_distance(d->metric, dataset_row(d, i), dataset_row(d, row), d->dim);
            codes_distances(&q, &row, 1, at, &estimate);
            sum += estimate - distance;
            squares += (estimate - distance) * (estimate - distance);
            all += distance;
            all_squares += distance * distance;
            beyond += distance < q.bound(&q, at[0], estimate);
            pairs++;
        }
    }
    free(room);
    const double deviation = sqrt(all_squares / pairs - all * all / pairs / pairs);
    return (struct errors){sum / pairs / deviation, sqrt(squares / pairs) / deviation, (double)beyond / pairs};
}

Test(rabitq, estimates_are_right_on_average_better_with_more_bits_and_seldom_beyond_their_bound)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        struct dataset d;
        double before = 1;
        dataset_init(&d, DATASET_LATENT, metric, 300, 300, 6);
        for (unsigned bits = 1; bits <= 8; bits++) {
            struct codes c;
            encode(&c, &d, bits);
            struct errors e = errors_of(&c, &d);
            cr_assert_lt(fabs(e.mean), 0.1 * e.deviation + 0.002, "%u bits: mean error %g of %g", bits, e.mean,
                         e.deviation);
            cr_assert_lt(e.deviation, before, "%u bits: %g, one less: %g", bits, e.deviation, before);
            cr_assert_lt(e.deviation, 0.35 / (1 << (bits - 1)) + 0.01);
            cr_assert_lt(e.beyond, 0.06, "%u bits: %g beyond", bits, e.beyond);
            before = e.deviation;
            codes_fini(&c);
        }
        dataset_fini(&d);
    }
}

Test(rabitq, equal_rows_and_the_centre_itself_are_numbers)
{
    struct dataset d;
    struct codes c;
    dataset_init(&d, DATASET_EQUAL, METRIC_L2, 7, 20, 6);
    encode(&c, &d, 1);
    void *room = memory_aligned(codes_query_bytes(&c));
    struct codes_query q;
    codes_query_init(&q, &c, dataset_row(&d, 0), room);
    const uint32_t row = 9;
    const void *at[1];
    float distance;
    codes_distances(&q, &row, 1, at, &distance);
    cr_assert_float_eq(distance, 0, 1e-5);
    free(room);
    codes_fini(&c);
    dataset_fini(&d);
}
