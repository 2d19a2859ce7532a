/* test_finish.c -- the contents of a sealed index: every kind of code with every way to score
 * again, searched after saving and opening. */
#include "sealed.h"

#include "index/autoindex.h"
#include "index/segment_index_internal.h"
#include "vek.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* Recall of 25 queries with an index of that kind. */
static double recall_of(enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                        struct index_options options, uint32_t k, uint32_t ef)
{
    struct sealed s;
    struct dataset q;
    struct segment_index *x;
    options.m = options.m ? options.m : 12;
    options.ef_construct = options.ef_construct ? options.ef_construct : 60;
    sealed_init(&s, kind, metric, dim, count, &options);
    dataset_init(&q, kind == DATASET_WHOLE ? DATASET_WHOLE : DATASET_LATENT, metric, dim, 25, 12);
    cr_assert_eq(sealed_open(&s, false, &x), 0, "code %d, %u dimensions, %u rows", (int)options.code, dim, count);
    const struct search_params p = {.k = k, .ef = ef};
    double recall = dataset_recall(&s.d, x, &q, &p);
    segment_index_destroy(x);
    dataset_fini(&q);
    sealed_fini(&s);
    return recall;
}

struct expected {
    struct index_options options;
    double recall; /* the least, under every metric */
};

static const struct expected finer[] = {
    {{.code = CODE_F32, .refine = REFINE_NONE}, 0.95},
    {{.code = CODE_F16, .refine = REFINE_NONE}, 0.94},
    {{.code = CODE_F16, .refine = REFINE_F32}, 0.95},
    {{.code = CODE_BF16, .refine = REFINE_NONE}, 0.88},
    {{.code = CODE_BF16, .refine = REFINE_F32, .refine_k = 2}, 0.95},
    {{.code = CODE_SQ8, .refine = REFINE_NONE}, 0.85},
    {{.code = CODE_SQ8, .refine = REFINE_F32, .refine_k = 2}, 0.95},
    {{.code = CODE_SQ8, .refine = REFINE_F16, .refine_k = 2}, 0.95},
    {{.code = CODE_SQ8, .refine = REFINE_BF16, .refine_k = 2}, 0.88},
    {{.code = CODE_SQ4, .refine = REFINE_F32, .refine_k = 5}, 0.94},
    {{.code = CODE_SQ4, .refine = REFINE_F16, .refine_k = 5}, 0.94},
};

static const struct expected rotated[] = {
    {{.code = CODE_RABITQ, .code_bits = 1, .refine = REFINE_F32, .refine_k = 10}, 0.94},
    {{.code = CODE_RABITQ, .code_bits = 2, .refine = REFINE_F16, .refine_k = 5}, 0.94},
    {{.code = CODE_RABITQ, .code_bits = 3, .refine = REFINE_BF16, .refine_k = 3}, 0.88},
    {{.code = CODE_RABITQ, .code_bits = 4, .refine = REFINE_F32, .refine_k = 3}, 0.95},
    {{.code = CODE_RABITQ, .code_bits = 6, .refine = REFINE_F32, .refine_k = 2}, 0.95},
    {{.code = CODE_RABITQ, .code_bits = 8, .refine = REFINE_NONE}, 0.9},
};

/* Builds one graph, and finishes it again for each kind. */
static void check_recall(const struct expected *list, size_t count, enum metric metric)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, metric, 192, 1000, 41);
    dataset_init(&q, DATASET_LATENT, metric, 192, 25, 12);
    struct segment_index *built = dataset_index(&d, 12, 60);
    for (size_t i = 0; i < count; i++) {
        struct index_region regions[SEGMENT_INDEX_REGIONS];
        struct segment_index *x;
        unsigned regions_count;
        const char *why;
        segment_index_unfinish(built, &list[i].options);
        cr_assert_eq(segment_index_finish(built, &d.rows, NULL, NULL), 0);
        cr_assert_eq(segment_index_regions(built, regions, &regions_count), 0);
        cr_assert_eq(segment_index_open(metric, d.dim, d.count, regions, regions_count, false, NULL, &x, &why), 0);
        const struct search_params p = {.k = 10, .ef = 100};
        double recall = dataset_recall(&d, x, &q, &p);
        cr_expect_geq(recall, list[i].recall, "metric %d, kind %zu: %.3f", (int)metric, i, recall);
        segment_index_destroy(x);
    }
    segment_index_destroy(built);
    dataset_fini(&d);
    dataset_fini(&q);
}

/* Later rows are longer than those that the growing codes were trained on. */
Test(finish, ranges_of_bytes_are_those_of_all_rows)
{
    enum { ROWS = 1450, BEFORE = 1200 };
    struct dataset d;
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40};
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, ROWS, 5);
    for (uint32_t row = BEFORE; row < ROWS; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] *= 1.5f;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, &options, &x), 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, BEFORE, NULL), 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, ROWS, NULL), 0);
    cr_assert_gt(x->codes.clipped, codes_outliers_allowed(ROWS), "the codes that grew describe them all");
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    cr_expect_eq(x->resolved.code, CODE_SQ8, "%s: %s", index_code_name(&x->resolved), x->reasons.code);
    cr_expect_eq(x->made.clipped, 0);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(finish, every_code_finds_the_nearest)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        check_recall(finer, ARRAY_LEN(finer), metric);
}

Test(finish, every_rotated_code_finds_the_nearest)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        check_recall(rotated, ARRAY_LEN(rotated), metric);
}

Test(finish, whole_numbers_need_no_second_look)
{
    const struct index_options o = {.code = CODE_SQ8, .refine = REFINE_NONE};
    cr_assert_geq(recall_of(DATASET_WHOLE, METRIC_L2, 128, 1000, o, 10, 100), 0.97);
}

Test(finish, what_was_finished_once_can_be_finished_otherwise_with_the_same_graph)
{
    const struct index_options first = {
        .m = 12, .ef_construct = 60, .code = CODE_F16, .refine = REFINE_F16, .links = LINKS_PACKED};
    const struct index_options second = {.m = 12, .ef_construct = 60, .code = CODE_SQ4, .refine = REFINE_BF16};
    struct sealed once, direct;
    struct index_region again[SEGMENT_INDEX_REGIONS];
    unsigned count;
    sealed_init(&once, DATASET_LATENT, METRIC_L2, 48, 600, &first);
    cr_assert_eq(segment_index_options(once.x)->code, CODE_F16);
    segment_index_unfinish(once.x, &second);
    cr_assert_eq(segment_index_options(once.x)->code, CODE_SQ4);
    cr_assert_eq(segment_index_finish(once.x, &once.d.rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_options(once.x)->refine, REFINE_BF16);
    cr_assert_eq(segment_index_regions(once.x, again, &count), 0);
    sealed_init(&direct, DATASET_LATENT, METRIC_L2, 48, 600, &second);
    cr_assert_eq(count, direct.count);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_str_eq(again[i].name, direct.regions[i].name);
        cr_assert_eq(again[i].size, direct.regions[i].size);
        cr_assert(again[i].size == 0 || memcmp(again[i].bytes, direct.regions[i].bytes, again[i].size) == 0, "%s",
                  again[i].name);
    }
    sealed_fini(&once);
    sealed_fini(&direct);
}

static const struct index_options shapes_of[] = {
    {.code = CODE_F16, .refine = REFINE_NONE},
    {.code = CODE_SQ8, .refine = REFINE_F16, .refine_k = 2},
    {.code = CODE_SQ4, .refine = REFINE_F32, .refine_k = 2},
    {.code = CODE_RABITQ, .code_bits = 1, .refine = REFINE_F32, .refine_k = 8},
    {.code = CODE_RABITQ, .code_bits = 5, .refine = REFINE_BF16, .refine_k = 2},
};

Test(finish, any_dimension_few_rows_and_more_wanted_than_there_are)
{
    static const uint32_t dims[] = {2, 3, 127, 1025};
    for (size_t i = 0; i < ARRAY_LEN(shapes_of); i++)
        for (size_t j = 0; j < ARRAY_LEN(dims); j++)
            for (uint32_t count = 0; count < 5; count += 2)
                cr_assert_eq(recall_of(DATASET_LATENT, METRIC_L2, dims[j], count, shapes_of[i], 10, 20), 1);
}

Test(finish, the_most_dimensions_there_are)
{
    for (size_t i = 1; i < 4; i++) {
        struct index_options o = shapes_of[i];
        o.m = 2;
        o.ef_construct = 4;
        struct sealed s;
        struct segment_index *x;
        struct hit hit;
        sealed_init(&s, DATASET_EQUAL, METRIC_IP, DIM_MAX, 2, &o);
        cr_assert_eq(sealed_open(&s, false, &x), 0);
        struct search_scratch *scratch = search_scratch_create();
        const struct search_params p = {.k = 1};
        const float *row = dataset_row(&s.d, 1);
        cr_assert_eq(segment_index_search(x, &s.d.rows, 2, row, &p, scratch, &hit), 1);
        const float truth = vectors_distance(METRIC_IP, row, row, DIM_MAX);
        cr_assert_float_eq(hit.distance / truth, 1, 0.01);
        search_scratch_destroy(scratch);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

Test(finish, equal_rows_and_rows_of_zeros_are_found)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes_of); i++) {
        cr_assert_eq(recall_of(DATASET_EQUAL, METRIC_COSINE, 24, 600, shapes_of[i], 30, 60), 1);
        struct dataset d;
        struct segment_index *x;
        struct hit hits[4];
        dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 24, 3, 5);
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, 1)[j] = 0;
        struct index_region regions[SEGMENT_INDEX_REGIONS];
        unsigned count;
        const char *why;
        struct segment_index *built = dataset_index_of(&d, &shapes_of[i]);
        cr_assert_eq(segment_index_finish(built, &d.rows, NULL, NULL), 0);
        cr_assert_eq(segment_index_regions(built, regions, &count), 0);
        cr_assert_eq(segment_index_open(METRIC_COSINE, d.dim, 3, regions, count, false, NULL, &x, &why), 0);
        struct search_scratch *scratch = search_scratch_create();
        const struct search_params p = {.k = 4};
        cr_assert_eq(segment_index_search(x, &d.rows, 3, dataset_row(&d, 0), &p, scratch, hits), 3);
        cr_assert_eq(hits[0].row, 0);
        search_scratch_destroy(scratch);
        segment_index_destroy(x);
        segment_index_destroy(built);
        dataset_fini(&d);
    }
}

/* Stops each time later than the time before. */
struct stops {
    unsigned calls, limit;
};

static int stop_in_the_end(void *arg)
{
    struct stops *s = arg;
    return ++s->calls > s->limit ? -ETIME : 0;
}

Test(finish, goes_on_where_a_pause_ended_it)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes_of); i++) {
        struct dataset d;
        struct stops stops = {0};
        dataset_init(&d, DATASET_LATENT, METRIC_L2, 200, 700, 5);
        struct index_options o = shapes_of[i];
        struct segment_index *x = dataset_index_of(&d, &o), *whole = dataset_index_of(&d, &o);
        const struct pause pause = {stop_in_the_end, &stops};
        int rc;
        while ((rc = segment_index_finish(x, &d.rows, NULL, &pause)) == -ETIME) {
            stops.calls = 0;
            stops.limit = stops.limit * 5 / 4 + 1;
        }
        cr_assert_eq(rc, 0, "%zu: %d", i, rc);
        cr_assert_eq(segment_index_finish(whole, &d.rows, NULL, NULL), 0);
        struct index_region a[SEGMENT_INDEX_REGIONS], b[SEGMENT_INDEX_REGIONS];
        unsigned count_a, count_b;
        cr_assert_eq(segment_index_regions(x, a, &count_a), 0);
        cr_assert_eq(segment_index_regions(whole, b, &count_b), 0);
        cr_assert_eq(count_a, count_b);
        for (unsigned r = 0; r < count_a; r++) {
            cr_assert_eq(a[r].size, b[r].size);
            cr_assert_arr_eq(a[r].bytes, b[r].bytes, a[r].size, "%s", a[r].name);
        }
        segment_index_destroy(x);
        segment_index_destroy(whole);
        dataset_fini(&d);
    }
}

Test(finish, the_largest_numbers_there_are_can_be_sealed_and_opened)
{
    for (size_t i = 0; i < 2 * ARRAY_LEN(shapes_of); i++) {
        const struct index_options *o = &shapes_of[i / 2];
        const enum metric metric = i % 2 ? METRIC_IP : METRIC_L2;
        struct dataset d;
        struct segment_index *x;
        struct index_region regions[SEGMENT_INDEX_REGIONS];
        struct hit hits[10];
        unsigned count;
        const char *why;
        dataset_init(&d, DATASET_LATENT, metric, 9, 600, 5);
        for (uint32_t row = 0; row < d.count; row++)
            for (uint32_t j = 0; j < d.dim; j++)
                dataset_row(&d, row)[j] = dataset_row(&d, row)[j] < 0 ? -3.4e38f : 3.4e38f;
        struct segment_index *built = dataset_index_of(&d, o);
        cr_assert_eq(segment_index_finish(built, &d.rows, NULL, NULL), 0);
        cr_assert_eq(segment_index_regions(built, regions, &count), 0);
        int rc = segment_index_open(metric, d.dim, d.count, regions, count, false, NULL, &x, &why);
        cr_assert_eq(rc, 0, "kind %zu: %s", i, why);
        struct search_scratch *scratch = search_scratch_create();
        const struct search_params p = {.k = 10, .ef = 30};
        cr_assert_geq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 0), &p, scratch, hits), 0);
        search_scratch_destroy(scratch);
        segment_index_destroy(x);
        segment_index_destroy(built);
        dataset_fini(&d);
    }
}

Test(finish, every_variant_of_the_kernels_finds_the_nearest)
{
    const char *chosen = vek.name;
    for (const struct vek_kernels *const *v = vek_variants(); *v; v++) {
        cr_assert_eq(vek_use((*v)->name), 0);
        for (size_t i = 0; i < ARRAY_LEN(shapes_of); i++)
            for (enum metric metric = METRIC_L2; metric <= METRIC_IP; metric++) {
                double recall = recall_of(DATASET_LATENT, metric, 130, 150, shapes_of[i], 10, 60);
                cr_assert_geq(recall, i == 4 ? 0.9 : 0.97, "%s, kind %zu: %.3f", (*v)->name, i, recall);
            }
    }
    cr_assert_eq(vek_use(chosen), 0);
}
