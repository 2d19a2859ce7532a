/* What a sealed index holds: every kind of code with every way to score again, searched after the way through bytes. */
#include "sealed.h"

#include "index/segment_index_impl.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* Recall over 25 queries of an index of that kind. */
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
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    const struct search_params p = {.k = k, .ef = ef};
    double recall = dataset_recall(&s.d, x, &q, &p);
    segment_index_destroy(x);
    dataset_fini(&q);
    sealed_fini(&s);
    return recall;
}

struct expected {
    struct index_options options;
    double recall; /* at least, under every metric */
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

/* One graph, finished again for each kind. */
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
        codes_fini(&built->made);
        codes_fini(&built->refine);
        built->options = list[i].options;
        built->is_resolved = false;
        cr_assert_eq(segment_index_finish(built, &d.rows, NULL), 0);
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
    cr_assert_eq(segment_index_resolved(once.x)->code, CODE_F16);
    segment_index_unfinish(once.x, &second);
    cr_assert_null(segment_index_resolved(once.x));
    cr_assert_eq(segment_index_finish(once.x, &once.d.rows, NULL), 0);
    cr_assert_eq(segment_index_resolved(once.x)->refine, REFINE_BF16);
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
