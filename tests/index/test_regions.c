/* test_regions.c -- sealing and opening: the same answers from the bytes, and -EINVAL but never
 * a crash from damaged ones. */
#include "sealed.h"

#include "base/memory.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Options that make different regions. */
static const struct index_options kinds[] = {
    {.m = 6, .ef_construct = 40, .code = CODE_SQ8, .refine = REFINE_F32},
    {.m = 6, .ef_construct = 40, .code = CODE_SQ4, .refine = REFINE_F16, .links = LINKS_PACKED},
    {.m = 6, .ef_construct = 40, .code = CODE_F16, .refine = REFINE_BF16},
    {.m = 6, .ef_construct = 40, .code = CODE_F32, .refine = REFINE_NONE, .links = LINKS_PACKED},
    {.m = 6, .ef_construct = 40, .code = CODE_RABITQ, .code_bits = 1, .refine = REFINE_F32},
    {.m = 6, .ef_construct = 40, .code = CODE_RABITQ, .code_bits = 3, .refine = REFINE_NONE},
};

static const struct index_options eights = {.m = 6, .ef_construct = 40, .code = CODE_SQ8, .refine = REFINE_F32};
static const struct index_options eights_packed = {
    .m = 6, .ef_construct = 40, .code = CODE_SQ8, .refine = REFINE_F32, .links = LINKS_PACKED};

Test(regions, an_opened_index_answers_as_the_sealed_one_did)
{
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        for (int kind = DATASET_LATENT; kind <= DATASET_WHOLE; kind++) {
            struct sealed s;
            sealed_init(&s, kind, metric, 20, 1200, kind == DATASET_WHOLE ? &eights_packed : &eights);
            struct search_scratch *scratch = search_scratch_create();
            for (int copy_hot = 0; copy_hot < 2; copy_hot++) {
                struct segment_index *x;
                cr_assert_eq(sealed_open(&s, copy_hot, &x), 0);
                cr_assert_eq(segment_index_graphed(x), 1200);
                struct search_params p = {.k = 10, .ef = 30};
                for (uint32_t i = 0; i < 20; i++) {
                    struct hit a[10], b[10];
                    const float *q = dataset_row(&s.d, i * 50);
                    cr_assert_eq(segment_index_search(s.x, &s.d.rows, 1200, q, &p, scratch, a), 10);
                    cr_assert_eq(segment_index_search(x, &s.d.rows, 1200, q, &p, scratch, b), 10);
                    cr_assert_arr_eq(a, b, sizeof(a));
                }
                cr_assert_eq(segment_index_advance(x, &s.d.rows, 1200, NULL), 0);
                cr_assert_eq(segment_index_advance(x, &s.d.rows, 1201, NULL), -EINVAL);
                segment_index_destroy(x);
            }
            search_scratch_destroy(scratch);
            sealed_fini(&s);
        }
    }
}

Test(regions, of_few_rows_or_none)
{
    for (uint32_t count = 0; count < 4; count++) {
        struct sealed s;
        struct segment_index *x;
        struct hit hits[4];
        sealed_init(&s, DATASET_LATENT, METRIC_IP, 20, count, count % 2 ? &eights : &eights_packed);
        cr_assert_eq(sealed_open(&s, true, &x), 0);
        struct search_scratch *scratch = search_scratch_create();
        struct search_params p = {.k = 4};
        cr_assert_eq(segment_index_search(x, &s.d.rows, count, dataset_row(&s.d, 0), &p, scratch, hits), (int)count);
        search_scratch_destroy(scratch);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

Test(regions, are_refused_before_the_index_is_complete)
{
    struct dataset d;
    struct segment_index *x;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 8, 100, 42);
    cr_assert_eq(segment_index_create(METRIC_L2, 8, NULL, &x), 0);
    cr_assert_eq(segment_index_advance(x, &d.rows, 100, NULL), 0);
    graph_of(x)->count--; /* as if the last row were not linked yet */
    cr_assert_eq(segment_index_regions(x, regions, &count), -EINVAL);
    graph_of(x)->count++;
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* An index without its recall curve works like one that was not measured. Every
 * other region is needed. */
static void check_missing(struct sealed *s, unsigned i)
{
    struct segment_index *x;
    const char *kept = s->regions[i].name;
    const bool needed = strcmp(kept, "recall") != 0;
    s->regions[i].name = "other";
    int rc = sealed_open(s, false, &x);
    cr_assert_eq(rc, needed ? -EINVAL : 0, "%s", kept);
    if (rc == 0)
        segment_index_destroy(x);
    s->regions[i].name = kept;
}

Test(regions, missing_or_of_another_size_are_refused)
{
    struct sealed s;
    struct segment_index *x;
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 20, 300, &eights);
    for (unsigned i = 0; i < s.count; i++) {
        struct index_region kept = s.regions[i];
        check_missing(&s, i);
        s.regions[i].size--;
        cr_assert_eq(sealed_open(&s, false, &x), -EINVAL, "%s", kept.name);
        s.regions[i].size = 0;
        cr_assert_eq(sealed_open(&s, false, &x), -EINVAL, "%s", kept.name);
        s.regions[i] = kept;
    }
    s.d.count--;
    cr_assert_eq(sealed_open(&s, false, &x), -EINVAL);
    s.d.count++;
    s.d.dim++;
    cr_assert_eq(sealed_open(&s, false, &x), -EINVAL);
    s.d.dim--;
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    segment_index_destroy(x);
    sealed_fini(&s);
}

/* Replaces one word of one region. The index is refused, or searches work without reading out of
 * bounds, which a sanitizer checks. */
static void damage(const struct index_options *options, enum metric metric, unsigned *refused, unsigned *opened)
{
    struct sealed s;
    sealed_init(&s, DATASET_LATENT, metric, 20, 700, options);
    struct search_scratch *scratch = search_scratch_create();
    uint64_t state = 5;
    for (unsigned round = 0; round < 400; round++) {
        unsigned i = round % s.count;
        static const uint32_t values[] = {0, 1, 699, 700, 701, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fc00000};
        uint32_t words = (uint32_t)(s.regions[i].size / 4);
        if (words == 0)
            continue;
        uint32_t *word = (uint32_t *)s.copy[i] + dataset_random(&state) % words, kept = *word;
        *word = values[dataset_random(&state) % 9];
        struct segment_index *x;
        int rc = sealed_open(&s, round % 2, &x);
        cr_assert(rc == 0 || rc == -EINVAL || rc == -ENOTSUP);
        if (rc == 0) {
            struct search_params p = {.k = 10, .ef = 50};
            struct hit hits[10];
            int n = segment_index_search(x, &s.d.rows, s.d.count, dataset_row(&s.d, round % 700), &p, scratch, hits);
            cr_assert(n >= 0 && n <= 10);
            segment_index_destroy(x);
        }
        *(rc == 0 ? opened : refused) += 1;
        *word = kept;
    }
    search_scratch_destroy(scratch);
    sealed_fini(&s);
}

Test(regions, damaged_anywhere_they_are_refused_or_harmless)
{
    unsigned refused = 0, opened = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (enum metric metric = METRIC_L2; metric <= METRIC_IP; metric++)
            damage(&kinds[i], metric, &refused, &opened);
    cr_assert_gt(refused, 150 * ARRAY_LEN(kinds));
    cr_assert_gt(opened, 50 * ARRAY_LEN(kinds));
}

Test(regions, a_link_out_of_bounds_is_refused)
{
    struct sealed s;
    struct segment_index *x;
    sealed_init(&s, DATASET_LATENT, METRIC_COSINE, 20, 400, &eights);
    for (unsigned i = 0; i < s.count; i++) {
        if (strcmp(s.regions[i].name, "links") != 0 && strcmp(s.regions[i].name, "upper") != 0)
            continue;
        uint32_t *first = s.copy[i], kept = *first;
        *first = 400;
        cr_assert_eq(sealed_open(&s, false, &x), -EINVAL);
        *first = kept;
    }
    sealed_fini(&s);
}

Test(regions, of_every_kind_are_refused_when_one_is_missing_and_open_into_memory_that_is_counted)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct sealed s;
        struct segment_index *x;
        uint64_t size = 0;
        sealed_init(&s, DATASET_LATENT, METRIC_L2, 20, 500, &kinds[i]);
        for (unsigned r = 0; r < s.count; r++) {
            check_missing(&s, r);
            size += strcmp(s.regions[r].name, "header") != 0 ? s.regions[r].size : 0;
        }
        cr_assert_eq(sealed_open(&s, true, &x), 0);
        cr_assert_geq(segment_index_bytes(x), size);
        cr_assert_leq(segment_index_bytes(x), size + 8192);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

Test(regions, a_column_of_many_chunks_is_joined)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 2, 300, 43);
    struct segment_index *x = dataset_index(&d, 256, 20), *y; /* 2 KiB of links for each row */
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count;
    const char *why;
    cr_assert_eq(segment_index_join(x, NULL), 0);
    cr_assert_eq(segment_index_regions(x, regions, &count), 0);
    cr_assert_eq(segment_index_open(METRIC_L2, 2, 300, regions, count, false, NULL, &y, &why), 0);
    for (uint32_t r = 0; r < 300; r++)
        cr_assert_arr_eq(hnsw_links(graph_of(x), r), hnsw_links(graph_of(y), r), 512 * sizeof(uint32_t));
    segment_index_destroy(y);
    segment_index_destroy(x);
    dataset_fini(&d);
}
