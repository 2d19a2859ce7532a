/* test_sq8.c -- distances by codes against distances by vectors: exact for whole numbers, near
 * for others, and equal for equal rows. */
#include "vectors/codes/codes.h"

#include "dataset.h"
#include <criterion/criterion.h>
#include <math.h>

static void encode(struct codes *c, const struct dataset *d)
{
    struct codes_sample sample;
    cr_assert_eq(codes_sample_init(&sample, d->dim), 0);
    for (uint32_t i = 0; i < d->count; i++)
        codes_sample_add(&sample, dataset_row(d, i), d->dim);
    cr_assert_eq(codes_init(c, (struct code_type){CODE_SQ8, 0}, d->metric, d->dim), 0);
    const struct codes_training training = {.sample = &sample, .vectors = &d->rows, .count = d->count};
    cr_assert_eq(codes_train(c, &training), 0);
    codes_sample_fini(&sample);
    for (uint32_t i = 0; i < d->count; i++)
        cr_assert_eq(codes_append(c, dataset_row(d, i)), 0);
}

static float distance(const struct codes_query *q, uint32_t row)
{
    const void *rows[1];
    float ret;
    codes_distances(q, &row, 1, rows, &ret);
    return ret;
}

Test(sq8, whole_numbers_under_l2_are_exact)
{
    struct dataset d;
    struct codes c;
    _Alignas(64) static int8_t weights[832 * 5];
    dataset_init(&d, DATASET_WHOLE, METRIC_L2, 784, 60, 1);
    encode(&c, &d);
    cr_assert(codes_are_lossless(&c));
    cr_assert_eq(c.clipped, 0);
    for (uint32_t i = 0; i < 20; i++) {
        struct codes_query by_vector, by_row;
        static int8_t row_weights[832];
        codes_query_init(&by_vector, &c, dataset_row(&d, i), weights);
        codes_row_query(&by_row, &c, i, row_weights);
        cr_assert(by_vector.exact);
        for (uint32_t j = 0; j < d.count; j++) {
            float want = vectors_distance(METRIC_L2, dataset_row(&d, i), dataset_row(&d, j), d.dim);
            cr_assert_eq(distance(&by_vector, j), want);
            cr_assert_eq(distance(&by_row, j), want);
        }
    }
    /* the row is not whole any more: it is counted, so that searches score it again by its
     * vector */
    dataset_row(&d, 0)[3] = 7.5f;
    cr_assert_eq(codes_append(&c, dataset_row(&d, 0)), 0);
    cr_assert_eq(c.clipped, 1);
    codes_fini(&c);
    dataset_fini(&d);
}

/* Bits, and queries a part of the way from one row to another. Rounded to whole numbers, the
 * queries would be rows. */
Test(sq8, queries_between_small_whole_numbers_keep_their_distances)
{
    struct dataset d;
    struct codes c;
    _Alignas(64) static int8_t weights[64 * 5];
    dataset_init(&d, DATASET_WHOLE, METRIC_L2, 64, 60, 3);
    for (uint32_t i = 0; i < d.count; i++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, i)[j] = (float)((int)dataset_row(&d, i)[j] % 2);
    encode(&c, &d);
    cr_assert(codes_are_lossless(&c));
    cr_assert_eq(c.clipped, 0);
    for (uint32_t i = 0; i < 20; i++) {
        struct codes_query between, row;
        float x[64];
        for (uint32_t j = 0; j < d.dim; j++)
            x[j] = 0.8f * dataset_row(&d, i)[j] + 0.2f * dataset_row(&d, i + 20)[j];
        codes_query_init(&between, &c, x, weights);
        cr_assert_not(between.exact);
        for (uint32_t j = 0; j < d.count; j++)
            cr_assert_float_eq(distance(&between, j), vectors_distance(METRIC_L2, x, dataset_row(&d, j), d.dim), 0.25);
        codes_query_init(&row, &c, dataset_row(&d, i), weights);
        cr_assert(row.exact);
        for (uint32_t j = 0; j < d.count; j++)
            cr_assert_eq(distance(&row, j), vectors_distance(METRIC_L2, dataset_row(&d, i), dataset_row(&d, j), d.dim));
    }
    codes_fini(&c);
    dataset_fini(&d);
}

Test(sq8, other_numbers_are_near)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        struct dataset d;
        struct codes c;
        _Alignas(64) static int8_t weights[256 * 5];
        dataset_init(&d, DATASET_LATENT, metric, 200, 300, 2);
        encode(&c, &d);
        cr_assert(!codes_are_lossless(&c));
        double error = 0, spread = 0, mean = 0;
        for (uint32_t i = 0; i < 50; i++) {
            struct codes_query q;
            codes_query_init(&q, &c, dataset_row(&d, i), weights);
            mean += vectors_distance(metric, dataset_row(&d, i), dataset_row(&d, i + 100), d.dim) / 50;
        }
        for (uint32_t i = 0; i < 50; i++) {
            struct codes_query by_vector, by_row;
            static int8_t row_weights[256];
            codes_query_init(&by_vector, &c, dataset_row(&d, i), weights);
            codes_row_query(&by_row, &c, i, row_weights);
            float want = vectors_distance(metric, dataset_row(&d, i), dataset_row(&d, i + 100), d.dim);
            spread += (want - mean) * (want - mean);
            error += pow(distance(&by_vector, i + 100) - want, 2);
            error += pow(distance(&by_row, i + 100) - want, 2);
        }
        cr_assert_lt(sqrt(error / 100), 0.03 * sqrt(spread / 50), "metric %d: error %g of %g", (int)metric,
                     sqrt(error / 100), sqrt(spread / 50));
        codes_fini(&c);
        dataset_fini(&d);
    }
}

Test(sq8, rows_beyond_the_sample_are_counted_as_clipped)
{
    struct dataset d;
    struct codes c;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 10, 100, 3);
    encode(&c, &d);
    cr_assert_eq(c.clipped, 0);
    dataset_row(&d, 5)[9] = 1000;
    cr_assert_eq(codes_append(&c, dataset_row(&d, 5)), 0);
    cr_assert_eq(c.clipped, 1);
    codes_fini(&c);
    dataset_fini(&d);
}
