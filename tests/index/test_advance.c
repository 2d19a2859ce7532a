/* test_advance.c -- a build that is searched at its pauses, stopped at any of them, and gets
 * rows while it runs; also data that change. */
#include "dataset.h"

#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

struct reader {
    const struct dataset *d;
    struct segment_index *x;
    struct search_scratch *scratch;
    uint32_t count, calls, every, searches;
    bool nested; /* a search pauses too, and then the build goes on */
};

/* Checks that every counted row is its own nearest row, in any state of the build. */
static int search_here(void *arg)
{
    struct reader *r = arg;
    if (r->calls++ % r->every != 0)
        return 0;
    uint32_t row = r->calls * 7919 % r->count;
    struct search_params p = {.k = 5, .ef = 100};
    struct hit hits[5];
    int n = segment_index_search(r->x, &r->d->rows, r->count, dataset_row(r->d, row), &p, r->scratch, hits);
    cr_assert_eq(n, r->count < 5 ? (int)r->count : 5);
    bool found = false;
    for (int i = 0; i < n; i++) {
        cr_assert_lt(hits[i].row, r->count);
        for (int j = 0; j < i; j++)
            cr_assert_neq(hits[i].row, hits[j].row);
        found |= hits[i].row == row;
    }
    cr_assert(found, "row %u of %u, %u in the graph", row, r->count, segment_index_graphed(r->x));
    const char *why = NULL;
    if (r->calls % 64 == 1)
        cr_assert_eq(hnsw_verify(graph_of(r->x), NULL, &why), 0, "%s", why);
    r->searches++;
    return 0;
}

Test(advance, searches_at_its_pauses_find_every_row)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric += 2) {
        struct dataset d;
        dataset_init(&d, DATASET_LATENT, metric, 48, 2000, 21);
        struct segment_index *x;
        struct index_options options = {.m = 8, .ef_construct = 40};
        cr_assert_eq(segment_index_create(metric, d.dim, &options, &x), 0);
        struct reader r = {.d = &d, .x = x, .scratch = search_scratch_create(), .every = 3};
        struct pause pause = {search_here, &r};
        /* the rows double, so codes are trained again */
        for (r.count = 1; r.count < d.count; r.count += r.count / 2 + 100)
            cr_assert_eq(segment_index_advance(x, &d.rows, r.count, &pause), 0);
        cr_assert_gt(r.searches, 500);
        cr_assert_gt(x->epoch, 3);
        search_scratch_destroy(r.scratch);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}

struct writer {
    const struct dataset *d;
    struct segment_index *x;
    uint32_t count;
};

static int build_here(void *arg)
{
    struct writer *w = arg;
    w->count = w->count + 40 < w->d->count ? w->count + 40 : w->d->count;
    cr_assert_eq(segment_index_advance(w->x, &w->d->rows, w->count, NULL), 0);
    return 0;
}

Test(advance, a_search_that_pauses_sees_the_rows_it_began_with)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 32, 3000, 22);
    struct segment_index *x;
    struct index_options options = {.m = 8, .ef_construct = 40};
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, &options, &x), 0);
    struct search_scratch *s = search_scratch_create();
    struct writer w = {.d = &d, .x = x, .count = 700};
    struct pause pause = {build_here, &w};
    cr_assert_eq(segment_index_advance(x, &d.rows, w.count, NULL), 0);
    while (w.count < d.count) {
        uint32_t count = w.count, row = count - 1;
        struct search_params p = {.k = 10, .ef = 300, .pause = &pause};
        struct hit hits[10];
        cr_assert_eq(segment_index_search(x, &d.rows, count, dataset_row(&d, row), &p, s, hits), 10);
        cr_assert_eq(hits[0].row, row);
        for (int i = 0; i < 10; i++)
            cr_assert_lt(hits[i].row, count);
        cr_assert_gt(w.count, count, "the search never paused");
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

static int stop_soon(void *arg)
{
    unsigned *left = arg;
    return (*left)-- == 0 ? -ETIME : 0;
}

Test(advance, stopped_at_any_pause_it_goes_on_and_ends_as_if_never_stopped)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 40, 1500, 23);
    dataset_init(&q, DATASET_LATENT, METRIC_COSINE, 40, 20, 24);
    struct segment_index *whole = dataset_index(&d, 8, 40), *x;
    struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(METRIC_COSINE, d.dim, &options, &x), 0);
    unsigned stops = 0, left;
    struct pause pause = {stop_soon, &left};
    for (int rc = -ETIME; rc == -ETIME; stops++) {
        left = 5 + stops % 7;
        rc = segment_index_advance(x, &d.rows, d.count, &pause);
        cr_assert(rc == 0 || rc == -ETIME);
        const char *why = NULL;
        cr_assert_eq(hnsw_verify(graph_of(x), NULL, &why), 0, "%s", why);
        cr_assert_lt(stops, 10000);
    }
    cr_assert_gt(stops, 100);
    for (uint32_t r = 0; r < d.count; r++) /* the same input and seed give the same graph */
        cr_assert_arr_eq(hnsw_links(graph_of(x), r), hnsw_links(graph_of(whole), r), 16 * sizeof(uint32_t));
    segment_index_destroy(whole);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

Test(advance, codes_follow_when_the_data_changes)
{
    struct dataset d;
    dataset_init(&d, DATASET_WHOLE, METRIC_L2, 32, 2000, 25);
    for (uint32_t r = 1000; r < d.count; r++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, r)[j] = dataset_row(&d, r)[j] * 3.7f - 400;
    struct segment_index *x;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, NULL, &x), 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, 1000, NULL), 0);
    cr_assert(codes_are_lossless(&x->codes));
    /* only one such row, which is scored again by its vector */
    cr_assert_eq(segment_index_advance(x, &d.rows, 1001, NULL), 0);
    cr_assert(codes_are_lossless(&x->codes));
    struct search_scratch *s = search_scratch_create();
    struct search_params p = {.k = 1, .ef = 60};
    struct hit hit;
    cr_assert_eq(segment_index_search(x, &d.rows, 1001, dataset_row(&d, 1000), &p, s, &hit), 1);
    cr_assert_eq(hit.row, 1000);
    cr_assert_eq(hit.distance, 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, 2000, NULL), 0);
    cr_assert(!codes_are_lossless(&x->codes));
    for (uint32_t r = 0; r < d.count; r += 37) {
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, r), &p, s, &hit), 1);
        cr_assert_eq(hit.distance, 0);
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Rows are appended one by one while new codes are made and rows are linked. */
struct arrival {
    const struct dataset *d;
    struct segment_index *x;
    uint32_t count, calls;
};

static int rows_come(void *arg)
{
    struct arrival *a = arg;
    for (uint32_t i = 0; i < 5 && a->count < a->d->count; i++)
        segment_index_append(a->x, &a->d->rows, a->count++);
    return ++a->calls % 50 == 0 ? -ETIME : 0;
}

/* Every second row is longer than the others, and a sample may have none of these. */
Test(advance, ranges_are_those_of_all_rows)
{
    struct dataset d;
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40};
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 20, 33000, 6);
    for (uint32_t row = 1; row < d.count; row += 2)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] *= 1.5f;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, &options, &x), 0);
    for (uint32_t row = 0; row < d.count; row++)
        segment_index_append(x, &d.rows, row);
    cr_assert_eq(segment_index_prepare(x, &d.rows, NULL), 0);
    cr_expect_eq(x->codes.kind, CODE_SQ8);
    cr_expect_leq(x->codes.clipped, codes_outliers_allowed(d.count));
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(advance, a_row_has_its_code_from_when_it_is_appended)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 6000, 27);
    struct segment_index *x;
    struct index_options options = {.m = 8, .ef_construct = 40};
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, &options, &x), 0);
    struct arrival a = {.d = &d, .x = x, .count = 10};
    struct pause pause = {rows_come, &a};
    cr_assert_eq(segment_index_advance(x, &d.rows, a.count, NULL), 0);
    for (uint32_t rounds = 0; a.count < d.count; rounds++) {
        cr_assert_lt(rounds, 5000);
        segment_index_append(x, &d.rows, a.count++);
        int rc = segment_index_advance(x, &d.rows, a.count, &pause);
        cr_assert(rc == 0 || rc == -ETIME);
        if (x->codes.trained_rows >= 1024)
            cr_assert_eq(x->codes.count, a.count);
    }
    cr_assert_gt(x->epoch, 3);
    cr_assert_eq(segment_index_advance(x, &d.rows, d.count, NULL), 0);
    cr_assert_eq(x->codes.count, d.count);
    struct search_scratch *s = search_scratch_create();
    const struct search_params p = {.k = 1, .ef = 60};
    struct hit hit;
    for (uint32_t r = 0; r < d.count; r += 97) {
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, r), &p, s, &hit), 1);
        cr_assert_eq(hit.row, r);
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(advance, codes_of_a_handful_do_not_hide_what_comes_after)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 400, 28);
    struct segment_index *x;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, NULL, &x), 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, 1, NULL), 0);
    for (uint32_t r = 1; r < d.count; r++)
        segment_index_append(x, &d.rows, r);
    struct search_scratch *s = search_scratch_create();
    const struct search_params p = {.k = 1};
    struct hit hit;
    for (uint32_t r = 0; r < d.count; r++) {
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, r), &p, s, &hit), 1);
        cr_assert_eq(hit.row, r);
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(advance, memory_is_accounted_and_small_when_there_is_little)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 128, 2000, 26);
    struct segment_index *x;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, NULL, &x), 0);
    cr_assert_lt(segment_index_bytes(x), 8192);
    cr_assert_eq(segment_index_advance(x, &d.rows, 10, NULL), 0);
    cr_assert_lt(segment_index_bytes(x), 256 * 1024);
    cr_assert_eq(segment_index_advance(x, &d.rows, 2000, NULL), 0);
    cr_assert_gt(segment_index_bytes(x), 2000 * 256);
    segment_index_destroy(x);
    dataset_fini(&d);
}
