/* test_early_end.c -- when walks end early; that the bound of their pools loses nothing; that
 * deleted rows do not end them. */
#include "sealed.h"

#include "base/bits.h"
#include "index/hnsw/early_end.h"
#include "index/scratch.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define K  10
#define EF 64

/* k candidates with the k-th at that distance, and one more behind them. */
static bool is_due_behind(float first, float kth, float next)
{
    float distances[K + 1];
    uint32_t ids[K + 1] = {0};
    for (int i = 0; i < K; i++)
        distances[i] = i ? kth : first;
    distances[K] = next;
    const struct vek_nearest near = {.distances = distances, .ids = ids, .count = K + 1, .limit = EF};
    cr_assert(!early_end_is_due(&near, K - 1, K), "one of the k wanted is expanded in any case");
    return early_end_is_due(&near, K, K);
}

static bool is_due(float kth, float next)
{
    return is_due_behind(kth, kth, next);
}

Test(early_end, a_walk_ends_when_the_next_candidate_is_much_farther)
{
    cr_assert(is_due(1, 2));
    cr_assert(!is_due(1, 1.1f));
    cr_assert(is_due(1e-30f, 2e-30f));
    cr_assert(is_due(-10, -2), "an inner product");
    cr_assert(!is_due(-10, -9.5f));
    cr_assert(!is_due(0, 1), "ten whose codes are that of the query");
    cr_assert(!is_due(0, 0));
    cr_assert(!is_due(-1, NAN));
    cr_assert(!is_due_behind(-10, -0.01f, 0.02f), "products of hardly anything, beside a large one");
    cr_assert(is_due_behind(-10, -0.01f, 9));
    cr_assert(is_due(1e-38f, 1e38f), "what overflows is far");
}

Test(early_end, the_bound_of_a_pool_keeps_out_only_what_would_end_the_walk)
{
    static const float kths[] = {1e-20f, 0.3f, 1, 7e8f, -0.5f, -3e4f};
    for (size_t i = 0; i < ARRAY_LEN(kths); i++) {
        const struct vek_nearest near = {.distances = (float[K]){kths[i], [K - 1] = kths[i]}, .count = K, .limit = EF};
        const float bound = early_end_bound(&near, K, early_end_reach(EF, K));
        cr_assert(is_due(kths[i], bound + fabsf(kths[i]) * 1e-4f), "%g", (double)kths[i]);
        cr_assert(!is_due(kths[i], bound - fabsf(kths[i]) * 1e-4f), "%g", (double)kths[i]);
    }
}

/* Rows visited by all queries together; *ret_recall: their recall. */
static uint64_t walked(const struct sealed *s, const struct segment_index *x, const struct dataset *q, bool early,
                       double *ret_recall)
{
    const struct search_params p = {.k = K, .ef = EF, .ends_early = early};
    struct search_scratch *scratch = search_scratch_create();
    uint64_t sum = 0;
    cr_assert_not_null(scratch);
    for (uint32_t i = 0; i < q->count; i++) {
        struct hit hits[K];
        cr_assert_eq(segment_index_search(x, &s->d.rows, s->d.count, dataset_row(q, i), &p, scratch, hits), K);
        sum += scratch->walked;
    }
    search_scratch_destroy(scratch);
    *ret_recall = dataset_recall(&s->d, x, q, &p);
    return sum;
}

Test(early_end, walks_visit_fewer_rows_and_find_nearly_as_many)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        struct sealed s;
        struct dataset q;
        struct segment_index *x;
        double recall, early_recall;
        sealed_init(&s, DATASET_LATENT, metric, 24, 4000, &(struct index_options){.m = 12, .ef_construct = 60});
        cr_assert_eq(sealed_open(&s, false, &x), 0);
        dataset_init(&q, DATASET_LATENT, metric, 24, 60, 12);
        const uint64_t all = walked(&s, x, &q, false, &recall), early = walked(&s, x, &q, true, &early_recall);
        cr_expect_lt(early, all * 0.98, "metric %d: %lu of %lu", metric, early, all);
        cr_expect_geq(early_recall, recall - 0.02, "metric %d: %.4f, %.4f", metric, early_recall, recall);
        dataset_fini(&q);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

/* Of the rows nearest to a query, two of three are deleted. The rest is farther than the
 * distance at which a walk would end. */
Test(early_end, deleted_rows_do_not_end_a_walk)
{
    enum { ROWS = 4000, NEAR = 150, WORDS = ROWS / 64 + 1 };
    struct sealed s;
    struct dataset q;
    struct segment_index *x;
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 24, ROWS, &(struct index_options){.m = 4, .ef_construct = 40});
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 24, 60, 12);
    double sum = 0;
    for (uint32_t i = 0; i < q.count; i++) {
        struct hit near[NEAR];
        uint64_t allowed[WORDS];
        struct dataset one = q;
        one.count = 1;
        one.rows.chunk = &(uint8_t *){(uint8_t *)dataset_row(&q, i)};
        memset(allowed, 0xff, sizeof(allowed));
        cr_assert_eq(dataset_nearest(&s.d, ROWS, dataset_row(&q, i), NEAR, NULL, near), NEAR);
        for (uint32_t j = 0; j < NEAR; j++)
            if (j % 3)
                bits_clear(allowed, near[j].row);
        const struct search_params p = {.k = K, .ef = EF, .ends_early = true, .allowed = allowed};
        sum += dataset_recall(&s.d, x, &one, &p);
    }
    cr_expect_geq(sum / q.count, 0.96, "%.4f", sum / q.count);
    segment_index_destroy(x);
    dataset_fini(&q);
    sealed_fini(&s);
}
