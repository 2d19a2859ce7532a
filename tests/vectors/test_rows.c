/* test_rows.c -- rows compared with rows by their codes, as a build compares them: near the true
 * distances for every kind that can do so. */
#include "vectors/codes/codes.h"

#include "base/memory.h"
#include "dataset.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static void encode(struct codes *c, enum code_kind kind, const struct dataset *d)
{
    struct codes_sample sample;
    cr_assert_eq(codes_sample_init(&sample, d->dim), 0);
    for (uint32_t i = 0; i < d->count; i++)
        codes_sample_add(&sample, dataset_row(d, i), d->dim);
    cr_assert_eq(codes_init(c, (struct code_type){kind, kind == CODE_RABITQ ? 8 : 0}, d->metric, d->dim), 0);
    cr_assert_eq(codes_train(c, &(struct codes_training){&sample, &d->rows, d->count, NULL, NULL}), 0);
    codes_sample_fini(&sample);
    for (uint32_t i = 0; i < d->count; i++)
        cr_assert_eq(codes_append(c, dataset_row(d, i)), 0);
}

/* The error of the distances of rows i and i + 8 .. i + 15, as a share of their standard
 * deviation. */
static double error_of(enum code_kind kind, enum metric metric, uint32_t dim)
{
    struct dataset d;
    struct codes c;
    dataset_init(&d, DATASET_LATENT, metric, dim, 100, 3);
    encode(&c, kind, &d);
    uint8_t *weights = memory_aligned((size_t)c.stride * FOLDED_MAX);
    const void *at[FOLDED_MAX], *row[1];
    double error = 0, sum = 0, squares = 0;
    for (uint32_t i = 0; i < 80; i++) {
        struct folded_row folded[FOLDED_MAX];
        struct codes_query query;
        float between[FOLDED_MAX];
        for (uint32_t j = 0; j < FOLDED_MAX; j++) {
            at[j] = weights + (size_t)j * c.stride;
            codes_fold_row(&c, i + 8 + j, weights + (size_t)j * c.stride, &folded[j]);
        }
        codes_between(&c, codes_at(&c, i), codes_norm_of(&c, i), at, folded, FOLDED_MAX, between);
        codes_row_query(&query, &c, i, weights);
        for (uint32_t j = 0; j < FOLDED_MAX; j++) {
            const uint32_t other = i + 8 + j;
            const float want = vectors_distance(metric, dataset_row(&d, i), dataset_row(&d, other), dim);
            float of_query;
            codes_distances(&query, &other, 1, row, &of_query);
            error += pow(of_query - want, 2) + pow(between[j] - want, 2);
            sum += want;
            squares += (double)want * want;
        }
    }
    const double n = 80 * FOLDED_MAX, mean = sum / n;
    free(weights);
    codes_fini(&c);
    dataset_fini(&d);
    return sqrt(error / 2 / n) / sqrt(squares / n - mean * mean);
}

Test(rows, distances_by_codes_are_near_the_true_ones)
{
    static const struct {
        enum code_kind kind;
        double error;
    } kinds[] = {{CODE_SQ8, 0.03}, {CODE_RABITQ, 0.01}, {CODE_F32, 1e-5}};
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
            for (uint32_t dim = 40; dim < 400; dim += 150) {
                const double error = error_of(kinds[i].kind, metric, dim);
                cr_expect_lt(error, kinds[i].error, "metric %d, code %d, %u dimensions: %g", (int)metric,
                             (int)kinds[i].kind, dim, error);
            }
}

/* A walk holds its query across pauses, at which rows may be appended, and then
 * the first rows move. */
Test(rows, a_row_that_is_a_query_stays_though_rows_come)
{
    static const enum code_kind kinds[] = {CODE_SQ8, CODE_RABITQ, CODE_F32};
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, 100, 3);
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct codes c;
        struct codes_query query;
        const void *row[1];
        const uint32_t own = 7;
        float before, after;
        encode(&c, kinds[i], &d);
        uint8_t *weights = memory_aligned(c.stride);
        codes_row_query(&query, &c, own, weights);
        codes_distances(&query, &own, 1, row, &before);
        for (uint32_t more = 0; more < 2000; more++)
            cr_assert_eq(codes_append(&c, dataset_row(&d, more % d.count)), 0);
        codes_distances(&query, &own, 1, row, &after);
        cr_expect_eq(before, after, "code %d", (int)kinds[i]);
        free(weights);
        codes_fini(&c);
    }
    dataset_fini(&d);
}
