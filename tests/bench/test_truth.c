/* Compares the true neighbours with a sort of all distances in double, and tests the counting of
 * recall when rows have equal distances. */
#include "dataset.h"
#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    500
#define QUERIES 7 /* not a multiple of the queries that are compared at once */
#define DIM     19
#define K       10

static double slow_distance(enum metric metric, const float *a, const float *b)
{
    double l2 = 0, ip = 0;
    for (int i = 0; i < DIM; i++) {
        l2 += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        ip += (double)a[i] * b[i];
    }
    return metric == METRIC_L2 ? l2 : -ip;
}

static struct dataset random_data(enum metric metric, uint64_t seed)
{
    struct dataset d = {.metric = metric, .dim = DIM, .count = ROWS, .query_count = QUERIES, .truth_k = K};
    struct random r = {seed};
    d.base = malloc(sizeof(float) * ROWS * DIM);
    d.queries = malloc(sizeof(float) * QUERIES * DIM);
    for (int i = 0; i < ROWS * DIM; i++)
        d.base[i] = (float)random_normal(&r);
    for (int i = 0; i < QUERIES * DIM; i++)
        d.queries[i] = (float)random_normal(&r);
    return d;
}

static void check_against_slow(enum metric metric)
{
    struct error e;
    struct dataset d = random_data(metric, metric);
    cr_assert_eq(dataset_find_truth(&d, &e), 0);
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = 0; i < K; i++) {
            double told = slow_distance(metric, d.base + (size_t)d.truth[q * K + i] * DIM, d.queries + (size_t)q * DIM);
            uint32_t nearer = 0;
            for (uint32_t row = 0; row < ROWS; row++)
                nearer += slow_distance(metric, d.base + (size_t)row * DIM, d.queries + (size_t)q * DIM) < told;
            cr_assert_eq(nearer, i, "metric %d, query %u: neighbour %u has %u rows before it", metric, q, i, nearer);
        }
    dataset_fini(&d);
}

Test(truth, is_that_of_a_full_sort)
{
    check_against_slow(METRIC_L2);
    check_against_slow(METRIC_IP);
}

Test(truth, more_neighbours_than_rows_are_refused)
{
    struct error e;
    struct dataset d = random_data(METRIC_L2, 1);
    d.truth_k = ROWS + 1;
    cr_assert_lt(dataset_find_truth(&d, &e), 0);
    dataset_fini(&d);
}

Test(recall, the_truth_itself_is_complete)
{
    struct error e;
    struct recall r;
    struct dataset d = random_data(METRIC_IP, 2);
    cr_assert_eq(dataset_find_truth(&d, &e), 0);
    cr_assert_eq(recall_init(&r, &d, K), 0);
    for (uint32_t q = 0; q < QUERIES; q++)
        cr_assert_eq(recall_count(&r, q, d.truth + (size_t)q * K, K), K);
    recall_fini(&r);
    dataset_fini(&d);
}

/* Rows 0 to 3 are equal, row 4 is nearer, the others are far. The two nearest are row 4 and any of
 * the first four. */
Test(recall, of_rows_equally_far_any_counts_and_none_twice)
{
    struct error e;
    struct recall r;
    struct dataset d = random_data(METRIC_L2, 3);
    d.query_count = 1;
    d.truth_k = 2;
    memset(d.queries, 0, sizeof(float) * DIM);
    memset(d.base, 0, sizeof(float) * 5 * DIM);
    for (int row = 0; row < 4; row++)
        d.base[row * DIM] = 0.5f;
    d.base[4 * DIM] = 0.25f;
    cr_assert_eq(dataset_find_truth(&d, &e), 0);
    cr_assert_eq(recall_init(&r, &d, 2), 0);
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){4, 0}, 2), 2);
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){3, 4}, 2), 2);
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){4, 4}, 2), 1, "the same row twice");
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){4, 100}, 2), 1, "a far row");
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){4, ROWS}, 2), 1, "no row of the data");
    cr_assert_eq(recall_count(&r, 0, (uint32_t[]){4}, 1), 1, "a short answer");
    recall_fini(&r);
    dataset_fini(&d);
}
