/* test_distances.c -- distances of values of any magnitude that a float has are in the order of
 * the true ones, never infinite, and searches work with them. */
#include "dataset.h"

#include "base/memory.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define K 10

Test(distances, keep_the_order_of_all_magnitudes)
{
    float before = 0;
    for (double value = 1e-90; value < 1e83; value *= 1.001) {
        const float distance = distance_of(value), back = distance_value(distance);
        cr_assert(isfinite(distance) && isfinite(back), "%g", value);
        cr_assert_gt(distance, before, "%g", value);
        cr_assert_eq(distance_of(-value), -distance);
        if (value > 1e-37 && value < 1e37)
            cr_assert_eq(distance, (float)value);
        if (value > 1e-35 && value < 3e38)
            cr_assert_float_eq(back, value, 1e-4 * value);
        before = distance;
    }
    cr_assert_eq(distance_of(0), 0);
    cr_assert_eq(distance_value(0), 0);
    cr_assert_eq(metric_score(METRIC_L2, distance_of(1e60)), FLT_MAX);
    cr_assert_eq(metric_score(METRIC_IP, distance_of(1e60)), -FLT_MAX);
}

Test(distances, a_cosine_is_never_beyond_one)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 768, 200, 7);
    for (uint32_t i = 0; i < d.count; i++) {
        const float *x = dataset_row(&d, i);
        cr_assert_eq(metric_score(METRIC_COSINE, vectors_distance(METRIC_COSINE, x, x, d.dim)), 1);
        for (uint32_t j = 0; j < d.count; j++)
            cr_assert_leq(
                fabsf(metric_score(METRIC_COSINE, vectors_distance(METRIC_COSINE, x, dataset_row(&d, j), d.dim))), 1);
    }
    cr_assert_eq(metric_score(METRIC_COSINE, 2.0000002f), -1);
    cr_assert_eq(metric_score(METRIC_COSINE, -1e-3f), 1, "of a code that says a little too much");
    dataset_fini(&d);
}

static double random_value(uint64_t *state)
{
    return (double)(int64_t)dataset_random(state) * 0x1p-63;
}

static void make(struct dataset *d, enum metric metric, uint32_t dim, uint32_t count, double scale, uint64_t seed)
{
    *d = (struct dataset){.metric = metric, .dim = dim, .count = count};
    d->rows = (struct rows){.chunk = d->chunk, .stride = rows_stride(dim * sizeof(float)), .shift = 31};
    d->chunk[0] = memory_aligned((size_t)d->rows.stride * (count + 1));
    cr_assert_not_null(d->chunk[0]);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < dim; j++)
            dataset_row(d, i)[j] = (float)(random_value(&seed) * scale);
}

static double truth_of(const struct dataset *d, const float *q, uint32_t row)
{
    const float *x = dataset_row(d, row);
    double sum = 0;
    for (uint32_t j = 0; j < d->dim; j++)
        sum += d->metric == METRIC_IP ? -(double)q[j] * x[j] : ((double)q[j] - x[j]) * ((double)q[j] - x[j]);
    return sum;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* How many of the K nearest are found. Checks that there are K hits, in order and finite. */
static uint32_t found(const struct dataset *d, const struct segment_index *x, const float *q, bool exact)
{
    struct search_scratch *scratch = search_scratch_create();
    double *truth = malloc(d->count * sizeof(*truth));
    const uint32_t k = d->count < K ? d->count : K;
    const struct search_params p = {.k = k, .exact = exact};
    struct hit hits[K];
    uint32_t right = 0;
    cr_assert_eq(segment_index_search(x, &d->rows, d->count, q, &p, scratch, hits), (int)k);
    for (uint32_t i = 0; i < d->count; i++)
        truth[i] = truth_of(d, q, i);
    qsort(truth, d->count, sizeof(*truth), ascending);
    for (uint32_t i = 0; i < k; i++) {
        cr_assert(isfinite(hits[i].distance) && isfinite(metric_score(d->metric, hits[i].distance)));
        cr_assert(i == 0 || hits[i].distance >= hits[i - 1].distance);
        right += truth_of(d, q, hits[i].row) <= truth[k - 1] + 1e-4 * fabs(truth[k - 1]);
    }
    free(truth);
    search_scratch_destroy(scratch);
    return right;
}

static double recall(const struct dataset *d, const struct dataset *q, const struct segment_index *x, bool exact)
{
    uint32_t right = 0;
    for (uint32_t i = 0; i < q->count; i++)
        right += found(d, x, dataset_row(q, i), exact);
    return (double)right / (q->count * (d->count < K ? d->count : K));
}

static void check_scale(enum metric metric, uint32_t dim, uint32_t count, double scale)
{
    struct dataset d, q;
    make(&d, metric, dim, count, scale, 1);
    make(&q, metric, dim, 20, scale, 2);
    struct segment_index *x = dataset_index(&d, 16, 60), *sealed;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n;
    const char *why;
    cr_assert_eq(recall(&d, &q, x, true), 1, "exact, metric %d, %g", (int)metric, scale);
    cr_expect_geq(recall(&d, &q, x, false), 0.95, "growing, metric %d, %g", (int)metric, scale);
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_regions(x, regions, &n), 0);
    cr_assert_eq(segment_index_open(metric, dim, count, regions, n, false, NULL, &sealed, &why), 0);
    cr_assert_eq(recall(&d, &q, sealed, true), 1);
    cr_expect_geq(recall(&d, &q, sealed, false), 0.95, "sealed, metric %d, %g", (int)metric, scale);
    segment_index_destroy(sealed);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

Test(distances, values_of_any_magnitude_are_searched)
{
    static const double scales[] = {1e-25, 1e-20, 1e-15, 1, 1e15, 1e19, 1e25, 3e38};
    for (unsigned i = 0; i < ARRAY_LEN(scales); i++)
        for (enum metric metric = METRIC_L2; metric <= METRIC_IP; metric++) {
            check_scale(metric, 24, 700, scales[i]);
            for (uint32_t count = 1; count < 5; count++)
                check_scale(metric, 40, count, scales[i]);
        }
}

Test(distances, a_large_query_finds_the_order_of_small_rows)
{
    struct dataset d, q;
    for (double scale = 1e-30; scale < 1e38; scale *= 1e10) {
        make(&d, METRIC_IP, 32, 700, 1, 1);
        make(&q, METRIC_IP, 32, 10, scale, 2);
        struct segment_index *x = dataset_index(&d, 16, 60);
        cr_expect_geq(recall(&d, &q, x, false), 0.9, "%g", scale);
        segment_index_destroy(x);
        dataset_fini(&d);
        dataset_fini(&q);
    }
}
