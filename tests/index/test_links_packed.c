/* test_links_packed.c -- packed links give the same lists and the same walks as plain ones, in
 * fewer bytes; damaged ones are refused. */
#include "index/hnsw/links_packed.h"

#include "dataset.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Makes lists of random rows, of every length from 0 to links_max. */
static void random_lists(struct row_array *c, uint32_t links_max, uint32_t rows)
{
    uint64_t state = 7;
    row_array_init(c, links_max * (uint32_t)sizeof(uint32_t));
    cr_assert_eq(row_array_reserve(c, rows), 0);
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t *links = row_array_at(c, row), count = 0;
        memset(links, 0xff, links_max * sizeof(links[0]));
        for (uint32_t tries = 0; count < row % (links_max + 1) && tries < 4 * links_max; tries++) {
            const uint32_t link = (uint32_t)(dataset_random(&state) % rows);
            bool there = link == row;
            for (uint32_t i = 0; i < count; i++)
                there = there || links[i] == link;
            if (!there)
                links[count++] = link;
        }
    }
}

Test(links_packed, every_list_comes_back_ascending)
{
    static const uint32_t links_max[] = {4, 6, 32, 254, 256, 512};
    for (size_t i = 0; i < sizeof(links_max) / sizeof(links_max[0]); i++) {
        const uint32_t max = links_max[i], rows = 3000;
        struct row_array c;
        struct links_packed p;
        uint32_t got[HOP_MAX], want[HOP_MAX];
        random_lists(&c, max, rows);
        cr_assert_eq(links_packed_make(&p, &c, max, rows, NULL), 0);
        cr_assert_eq(links_packed_verify(&p, rows, NULL), 0);
        for (uint32_t row = 0; row < rows; row++) {
            uint32_t count = 0;
            memcpy(want, row_array_at(&c, row), max * sizeof(want[0]));
            while (count < max && want[count] != LINK_NONE)
                count++;
            qsort(want, count, sizeof(want[0]), ascending);
            cr_assert_eq(links_packed_read(&p, row, got), count);
            cr_assert_arr_eq(got, want, count * sizeof(got[0]));
        }
        links_packed_fini(&p);
        row_array_fini(&c);
    }
}

/* The graph of x with packed links; it borrows everything else. */
static struct hnsw packed_twin(const struct segment_index *x)
{
    struct hnsw g = *graph_of(x);
    g.links = (struct row_array){0};
    cr_assert_eq(links_packed_make(&g.packed, &graph_of(x)->links, 2 * g.m, g.count, NULL), 0);
    return g;
}

static void walk(const struct segment_index *x, const struct hnsw *g, const float *q, struct search_scratch *scratch)
{
    struct codes_query query;
    cr_assert_eq(scratch_reserve(scratch, 0, 0, codes_query_bytes(&x->codes), 0), 0);
    codes_query_init(&query, &x->codes, q, scratch->query);
    struct hnsw_walk w = {.graph = g, .query = &query, .scratch = scratch, .limit = g->count, .node_limit = g->nodes};
    cr_assert_eq(hnsw_search(&w, 50), 0);
}

Test(links_packed, a_walk_finds_what_it_finds_by_plain_links)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 48, 1500, 31);
    struct segment_index *x = dataset_index(&d, 8, 40);
    struct hnsw packed = packed_twin(x);
    struct search_scratch *scratch = search_scratch_create();
    const char *why = NULL;
    cr_assert_eq(hnsw_verify(&packed, NULL, &why), 0, "%s", why);
    for (uint32_t i = 0; i < 100; i++) {
        struct cand want[50];
        walk(x, graph_of(x), dataset_row(&d, i * 15), scratch);
        memcpy(want, scratch->pool.cand, sizeof(want));
        walk(x, &packed, dataset_row(&d, i * 15), scratch);
        cr_assert_eq(scratch->pool.count, 50);
        cr_assert_arr_eq(scratch->pool.cand, want, sizeof(want));
    }
    links_packed_fini(&packed.packed);
    search_scratch_destroy(scratch);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(links_packed, they_take_half_the_bytes)
{
    struct links_packed p;
    struct row_array none = {0};
    static const uint32_t rows[] = {1000, 200000, 524288, 1000000, 4000000}, bytes[] = {32, 64, 64, 72, 80};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(links_packed_make(&p, &none, 32, 0, NULL), 0);
        vek_set_shape_init(&p.shape, 32, rows[i]);
        cr_assert_leq(links_packed_size(&p, rows[i]), (uint64_t)bytes[i] * rows[i] + 2 * VEK_SET_SPARE);
        links_packed_fini(&p);
    }
}

/* Opens a damaged copy that ends where its allocation ends. It is refused, or its lists
 * name rows of the graph. */
static int open_copy(const uint8_t *bytes, uint64_t size, uint32_t rows, bool copy)
{
    struct links_packed p;
    int rc = links_packed_open(&p, 32, rows, bytes, size, copy, NULL);
    if (rc != 0)
        return rc;
    rc = links_packed_verify(&p, rows, NULL);
    uint32_t links[HOP_MAX];
    for (uint32_t row = 0; rc == 0 && row < rows; row++) {
        const uint32_t n = links_packed_read(&p, row, links);
        cr_assert_leq(n, 32);
        for (uint32_t i = 0; i < n; i++)
            cr_assert_lt(links[i], rows);
    }
    links_packed_fini(&p);
    return rc;
}

Test(links_packed, damaged_bytes_are_refused_or_harmless)
{
    const uint32_t rows = 500;
    struct row_array c;
    struct links_packed p;
    random_lists(&c, 32, rows);
    cr_assert_eq(links_packed_make(&p, &c, 32, rows, NULL), 0);
    const uint64_t size = links_packed_size(&p, rows);
    uint8_t *bytes = malloc(size);
    memcpy(bytes, row_array_at(&p.sets, 0), size);
    cr_assert_eq(open_copy(bytes, size, rows, false), 0);
    cr_assert_eq(open_copy(bytes, size, rows, true), 0);
    cr_assert_eq(open_copy(bytes, size - 1, rows, false), -EINVAL);
    cr_assert_eq(open_copy(bytes, size - p.shape.bytes, rows, false), -EINVAL);
    cr_assert_eq(open_copy(bytes, 0, rows, false), -EINVAL);
    uint64_t state = 3;
    unsigned refused = 0;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t *at = bytes + dataset_random(&state) % size;
        const uint8_t was = *at;
        *at = (uint8_t)dataset_random(&state);
        int rc = open_copy(bytes, size, rows, false);
        cr_assert(rc == 0 || rc == -EINVAL);
        refused += rc != 0;
        *at = was;
    }
    cr_assert_gt(refused, 300); /* most changes name rows that do not exist */
    free(bytes);
    links_packed_fini(&p);
    row_array_fini(&c);
}
