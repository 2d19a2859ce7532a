/* test_filter.c -- filters, and deletions, that depend on the query: recall does not depend on
 * where the allowed rows lie. */
#include "sealed.h"

#include "base/bits.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ROWS  3000
#define WORDS (ROWS / 64 + 1)

/* Allows all rows but the `percent` nearest to the query. */
static void allow_far(const struct dataset *d, const float *query, uint32_t percent, uint64_t allowed[WORDS])
{
    const uint32_t n = d->count * percent / 100;
    struct hit *near = malloc((n + 1) * sizeof(*near));
    cr_assert_not_null(near);
    memset(allowed, 0xff, WORDS * sizeof(*allowed));
    cr_assert_eq(dataset_nearest(d, d->count, query, n, NULL, near), n);
    for (uint32_t i = 0; i < n; i++)
        bits_clear(allowed, near[i].row);
    free(near);
}

static double recall_behind(const struct dataset *d, const struct segment_index *x, const struct dataset *q,
                            uint32_t percent)
{
    uint64_t allowed[WORDS];
    allow_far(d, dataset_row(q, 0), percent, allowed);
    const struct search_params p = {.k = 10, .recall = 0.98f, .parts = 2, .allowed = allowed};
    return dataset_recall(d, x, q, &p);
}

/* The allowed rows lie closer together than the codes can tell apart. */
Test(filter, rows_behind_the_nearest_are_found_though_codes_are_coarse)
{
    static const uint32_t percent[] = {0, 5, 19, 50};
    struct sealed s;
    struct dataset q;
    struct segment_index *x;
    sealed_init(&s, DATASET_COMMON, METRIC_IP, 200, ROWS / 2, &(struct index_options){0});
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    dataset_init(&q, DATASET_COMMON, METRIC_IP, 200, 40, 12);
    for (size_t i = 0; i < ARRAY_LEN(percent); i++) {
        const double recall = recall_behind(&s.d, x, &q, percent[i]);
        cr_expect_geq(recall, 0.95, "%u percent: %.4f", percent[i], recall);
    }
    segment_index_destroy(x);
    sealed_fini(&s);
    dataset_fini(&q);
}

/* Rows that are not allowed fill most of the beam and leave place for just k. */
Test(filter, a_beam_of_deleted_rows_is_widened)
{
    struct dataset d, q;
    struct hit hits[100];
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 96, ROWS, 11);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 96, 60, 12);
    struct segment_index *x = dataset_index(&d, 6, 20);
    double sum = 0;
    for (uint32_t i = 0; i < q.count; i++) {
        struct dataset one = q;
        uint64_t allowed[WORDS];
        one.count = 1;
        one.rows.chunk = &(uint8_t *){(uint8_t *)dataset_row(&q, i)};
        memset(allowed, 0xff, sizeof(allowed));
        const uint32_t n = dataset_nearest(&d, d.count, dataset_row(&q, i), 20, NULL, hits);
        for (uint32_t j = 0; j < n; j++)
            bits_clear(allowed, hits[j].row);
        const struct search_params p = {.k = 10, .ef = 28, .allowed = allowed};
        sum += dataset_recall(&d, x, &one, &p);
    }
    cr_expect_geq(sum / q.count, 0.97, "%.3f", sum / q.count);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}
