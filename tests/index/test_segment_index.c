/* test_segment_index.c -- searches find what a plain loop finds: with each metric, each kind of
 * data, odd sizes, filters. */
#include "dataset.h"

#include "base/bits.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double recall_of(enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                        const struct search_params *params)
{
    struct dataset d, q;
    dataset_init(&d, kind, metric, dim, count, 11);
    dataset_init(&q, kind == DATASET_WHOLE ? DATASET_WHOLE : DATASET_LATENT, metric, dim, 25, 12);
    struct segment_index *x = dataset_index(&d, 12, 60);
    double recall = dataset_recall(&d, x, &q, params);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
    return recall;
}

Test(segment_index, finds_nearly_all_nearest_under_every_metric)
{
    const struct search_params p = {.k = 10, .ef = 80};
    cr_assert_geq(recall_of(DATASET_LATENT, METRIC_L2, 256, 1500, &p), 0.97);
    cr_assert_geq(recall_of(DATASET_LATENT, METRIC_COSINE, 256, 1500, &p), 0.97);
    cr_assert_geq(recall_of(DATASET_LATENT, METRIC_IP, 256, 1500, &p), 0.9);
    cr_assert_geq(recall_of(DATASET_WHOLE, METRIC_L2, 128, 1500, &p), 0.97);
    cr_assert_geq(recall_of(DATASET_WHOLE, METRIC_IP, 128, 1500, &p), 0.9);
}

Test(segment_index, finds_more_with_a_larger_ef)
{
    const struct search_params narrow = {.k = 10, .ef = 10}, wide = {.k = 10, .ef = 200};
    double few = recall_of(DATASET_LATENT, METRIC_L2, 100, 2000, &narrow);
    double many = recall_of(DATASET_LATENT, METRIC_L2, 100, 2000, &wide);
    cr_assert_lt(few, many);
    cr_assert_geq(many, 0.99);
}

Test(segment_index, exact_search_finds_all)
{
    const struct search_params p = {.k = 10, .exact = true};
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        cr_assert_eq(recall_of(DATASET_LATENT, metric, 65, 1000, &p), 1);
}

Test(segment_index, any_dimension_and_any_count)
{
    const struct search_params p = {.k = 10, .ef = 100};
    static const uint32_t dims[] = {1, 2, 3, 4, 5, 63, 100, 768};
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
        for (uint32_t count = 0; count < 4; count++)
            cr_assert_eq(recall_of(DATASET_LATENT, METRIC_L2, dims[i], count, &p), 1);
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
        cr_assert_geq(recall_of(DATASET_LATENT, METRIC_L2, dims[i], 600, &p), 0.95, "dim %u", dims[i]);
}

Test(segment_index, equal_vectors_and_twins_are_found)
{
    const struct search_params p = {.k = 30, .ef = 60}, all = {.k = 100, .ef = 100};
    cr_assert_eq(recall_of(DATASET_EQUAL, METRIC_L2, 32, 1500, &p), 1);
    cr_assert_eq(recall_of(DATASET_EQUAL, METRIC_COSINE, 32, 1500, &all), 1);
    cr_assert_geq(recall_of(DATASET_TWINS, METRIC_L2, 64, 1500, &all), 0.95);
    cr_assert_geq(recall_of(DATASET_TWINS, METRIC_COSINE, 64, 1500, &all), 0.95);
}

Test(segment_index, a_zero_vector_is_a_vector)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 20, 600, 5);
    memset(dataset_row(&d, 17), 0, 20 * sizeof(float));
    struct segment_index *x = dataset_index(&d, 8, 40);
    struct search_scratch *s = search_scratch_create();
    const float zero[20] = {0};
    struct hit hit;
    struct search_params p = {.k = 1, .ef = 50};
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, zero, &p, s, &hit), 1);
    cr_assert_eq(hit.row, 17);
    cr_assert_eq(hit.distance, 0);
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(segment_index, returns_all_rows_when_k_is_larger)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 16, 90, 5);
    struct segment_index *x = dataset_index(&d, 8, 40);
    struct search_scratch *s = search_scratch_create();
    struct hit hits[200];
    for (int exact = 0; exact < 2; exact++) {
        struct search_params p = {.k = 200, .ef = 10, .exact = exact};
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 3), &p, s, hits), 90);
        cr_assert_eq(hits[0].row, 3);
        p.k = 0;
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 3), &p, s, hits), 0);
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(segment_index, a_search_sees_no_row_from_its_count_on)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 16, 2000, 5);
    struct segment_index *x = dataset_index(&d, 8, 40);
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    for (uint32_t count = 1; count < 2000; count += 333) {
        struct search_params p = {.k = 10, .ef = 40};
        int n = segment_index_search(x, &d.rows, count, dataset_row(&d, 1999), &p, s, hits);
        cr_assert_eq(n, count < 10 ? (int)count : 10);
        for (int i = 0; i < n; i++)
            cr_assert_lt(hits[i].row, count);
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Another search of the core, which runs while this one waits for memory. */
struct other {
    struct segment_index *index;
    const struct dataset *data;
    struct search_scratch *scratch;
    uint32_t calls;
    struct hit hits[10];
};

static void search_meanwhile(void *arg)
{
    struct other *o = arg;
    const struct search_params p = {.k = 10, .ef = 40};
    cr_assert_eq(segment_index_search(o->index, &o->data->rows, 1000, dataset_row(o->data, 7), &p, o->scratch, o->hits),
                 10);
    cr_assert_eq(o->hits[0].row, 7);
    o->calls++;
}

/* Another search runs between any two hops. */
Test(segment_index, searches_may_overlap)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 1010, 11);
    struct search_scratch *s = search_scratch_create();
    struct other o = {.data = &d, .scratch = search_scratch_create()};
    const struct index_options options = {.m = 12, .ef_construct = 60, .seed = 1};
    cr_assert_eq(segment_index_create(METRIC_L2, 64, &options, &o.index), 0);
    cr_assert_eq(segment_index_advance(o.index, &d.rows, 1000, NULL), 0);
    const struct search_params p = {.k = 10, .ef = 60, .overlap = search_meanwhile, .overlap_arg = &o};
    uint32_t found = 0;
    for (uint32_t i = 0; i < 10; i++) {
        struct hit hits[10], want[10];
        cr_assert_eq(segment_index_search(o.index, &d.rows, 1000, dataset_row(&d, 1000 + i), &p, s, hits), 10);
        cr_assert_eq(dataset_nearest(&d, 1000, dataset_row(&d, 1000 + i), 10, NULL, want), 10);
        for (uint32_t j = 0; j < 10; j++)
            found += hits[j].distance <= want[9].distance;
    }
    cr_assert_geq(found, 97);
    cr_assert_gt(o.calls, 300);
    search_scratch_destroy(o.scratch);
    search_scratch_destroy(s);
    segment_index_destroy(o.index);
    dataset_fini(&d);
}

Test(segment_index, returns_allowed_rows_only_however_few)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 3000, 11);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 64, 20, 12);
    struct segment_index *x = dataset_index(&d, 12, 60);
    uint64_t state = 3;
    static const uint32_t percent[] = {99, 90, 50, 20, 5, 1, 0};
    for (size_t i = 0; i < sizeof(percent) / sizeof(percent[0]); i++) {
        uint64_t allowed[3000 / 64 + 1] = {0};
        for (uint32_t r = 0; r < d.count; r++)
            if (dataset_random(&state) % 100 < percent[i])
                bits_set(allowed, r);
        if (percent[i] == 0)
            bits_set(allowed, 2345);
        struct search_params p = {.k = 10, .ef = 80, .allowed = allowed};
        const double recall = dataset_recall(&d, x, &q, &p);
        cr_assert_geq(recall, 0.95, "%u percent", percent[i]);
        p.allowed_count = (uint32_t)bits_count(allowed, bits_words(d.count));
        cr_assert_eq(dataset_recall(&d, x, &q, &p), recall, "counted by the caller, %u percent", percent[i]);
    }
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

/* A filter that allows only rows far from the query. The walk ends before it reaches them. */
Test(segment_index, finds_allowed_rows_far_from_the_query)
{
    struct dataset d;
    struct hit order[100];
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 32, 4000, 11);
    struct segment_index *x = dataset_index(&d, 12, 60);
    struct search_scratch *s = search_scratch_create();
    const float *query = dataset_row(&d, 0);
    uint64_t allowed[4000 / 64 + 1] = {0};
    uint32_t n = 0;
    /* a distance at which a row counts as found */
    float bound = vectors_distance(METRIC_L2, query, dataset_row(&d, 1), d.dim);
    for (uint32_t r = 0; r < d.count; r++) {
        if (vectors_distance(METRIC_L2, query, dataset_row(&d, r), d.dim) > bound) {
            bits_set(allowed, r);
            n++;
        }
    }
    cr_assert_gt(n, 10);
    struct search_params p = {.k = 10, .ef = 16, .allowed = allowed};
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, query, &p, s, order), 10);
    for (int i = 0; i < 10; i++)
        cr_assert(bits_test(allowed, order[i].row));
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(vectors, normalise_and_find_what_is_no_number)
{
    float v[3] = {3, 0, 4}, zero[2] = {0}, large[2] = {3e30f, 4e30f}, bad[2] = {NAN, 1}, endless[2] = {1, INFINITY};
    cr_assert(vectors_normalise(v, 3));
    cr_assert_float_eq(v[0], 0.6f, 1e-6);
    cr_assert_float_eq(v[2], 0.8f, 1e-6);
    cr_assert(vectors_normalise(large, 2));
    cr_assert_float_eq(large[1], 0.8f, 1e-6);
    cr_assert(!vectors_normalise(zero, 2));
    cr_assert(!vectors_normalise(bad, 2));
    cr_assert(!vectors_normalise(endless, 2));
    cr_assert_eq(vectors_first_bad(v, 3), -1);
    cr_assert_eq(vectors_first_bad(bad, 2), 0);
    cr_assert_eq(vectors_first_bad(endless, 2), 1);
}

Test(vectors, each_value_that_is_no_number_is_found_wherever_it_is)
{
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    float v[40];
    for (unsigned n = 1; n <= 40; n++)
        for (unsigned at = 0; at < n; at++)
            for (unsigned kind = 0; kind < 4; kind++) {
                for (unsigned i = 0; i < n; i++)
                    v[i] = i % 3 ? 3e38f : -1e-40f;
                cr_assert_eq(vectors_first_bad(v, n), -1);
                v[at] = bad[kind];
                cr_assert_eq(vectors_first_bad(v, n), at);
            }
}

struct inner {
    const struct dataset *d, *q;
    const struct segment_index *x;
    struct search_scratch *scratch;
    struct hit hits[10];
    int count;
    unsigned calls;
};

static void search_another(void *arg)
{
    struct inner *in = arg;
    const struct search_params p = {.k = 10, .ef = 40};
    in->calls++;
    in->count =
        segment_index_search(in->x, &in->d->rows, in->d->count, dataset_row(in->q, 1), &p, in->scratch, in->hits);
}

Test(segment_index, a_search_gives_the_same_when_others_go_on_while_it_waits_for_memory)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 1000, 11);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 64, 2, 12);
    struct segment_index *x = dataset_index(&d, 12, 60);
    struct search_scratch *scratch = search_scratch_create();
    struct inner in = {.d = &d, .q = &q, .x = x, .scratch = search_scratch_create()};
    struct hit alone[10], beside[10];
    struct search_params p = {.k = 10, .ef = 40};
    cr_assert(scratch && in.scratch);
    int count = segment_index_search(x, &d.rows, d.count, dataset_row(&q, 0), &p, scratch, alone);
    p.overlap = search_another;
    p.overlap_arg = &in;
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&q, 0), &p, scratch, beside), count);
    cr_assert_gt(in.calls, 5, "once a hop");
    for (int i = 0; i < count; i++)
        cr_assert(alone[i].row == beside[i].row && alone[i].distance == beside[i].distance);
    p.overlap = NULL;
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&q, 1), &p, scratch, alone), in.count);
    for (int i = 0; i < in.count; i++)
        cr_assert_eq(alone[i].row, in.hits[i].row);
    search_scratch_destroy(scratch);
    search_scratch_destroy(in.scratch);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

static uint32_t search_part(const struct dataset *d, const struct segment_index *x, uint32_t ef, uint32_t parts,
                            struct hit *ret)
{
    struct search_scratch *s = search_scratch_create();
    const struct search_params p = {.k = 10, .ef = ef, .parts = parts};
    const int n = segment_index_search(x, &d->rows, d->count, dataset_row(d, 7), &p, s, ret);
    search_scratch_destroy(s);
    cr_assert_geq(n, 0);
    return (uint32_t)n;
}

Test(segment_index, a_part_keeps_its_share_and_two_deviations)
{
    static const struct {
        uint32_t ef, parts, part;
    } cases[] = {{400, 0, 400}, {400, 1, 400}, {400, 2, 220}, {400, 4, 118}, {64, 16, 24}, {20, 4, 20}, {10, 1000, 10}};
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 32, 3000, 61);
    /* so few links and candidates that each further candidate finds more */
    struct segment_index *x = dataset_index(&d, 4, 10);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hit part[10], as[10];
        uint32_t n = search_part(&d, x, cases[i].ef, cases[i].parts, part);
        cr_assert_eq(search_part(&d, x, cases[i].part, 0, as), n);
        cr_assert_arr_eq(part, as, n * sizeof(*as), "ef %u, parts %u", cases[i].ef, cases[i].parts);
    }
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Takes every fourth row: the rows of one owner of four. */
static void take_part(const struct dataset *whole, struct dataset *ret, uint32_t part)
{
    dataset_init(ret, DATASET_LATENT, METRIC_L2, whole->dim, whole->count / 4, 1);
    for (uint32_t i = 0; i < ret->count; i++)
        memcpy(dataset_row(ret, i), dataset_row(whole, 4 * i + part), whole->dim * sizeof(float));
}

static int by_distance(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

Test(segment_index, parts_find_together_what_the_whole_finds)
{
    struct dataset d, q, part[4];
    struct segment_index *x[4];
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 8000, 62);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 64, 50, 63);
    for (uint32_t i = 0; i < 4; i++) {
        take_part(&d, &part[i], i);
        x[i] = dataset_index(&part[i], 16, 100);
    }
    struct search_scratch *s = search_scratch_create();
    const struct search_params p = {.k = 10, .parts = 4};
    uint32_t found = 0;
    for (uint32_t i = 0; i < q.count; i++) {
        struct hit hits[40], exact[10];
        for (uint32_t j = 0; j < 4; j++)
            cr_assert_eq(
                segment_index_search(x[j], &part[j].rows, part[j].count, dataset_row(&q, i), &p, s, hits + 10 * j), 10);
        qsort(hits, 40, sizeof(*hits), by_distance);
        cr_assert_eq(dataset_nearest(&d, d.count, dataset_row(&q, i), 10, NULL, exact), 10);
        for (uint32_t j = 0; j < 10; j++)
            found += hits[j].distance <= exact[9].distance * 1.0001f;
    }
    cr_assert_geq(found, q.count * 10 * 97 / 100, "%u of %u", found, q.count * 10);
    search_scratch_destroy(s);
    for (uint32_t i = 0; i < 4; i++) {
        segment_index_destroy(x[i]);
        dataset_fini(&part[i]);
    }
    dataset_fini(&d);
    dataset_fini(&q);
}
