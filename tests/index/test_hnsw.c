/* test_hnsw.c -- the graph itself: well formed, every row reachable, neighbours in
 * different directions. */
#include "index/hnsw/hnsw.h"

#include "base/bits.h"
#include "dataset.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static uint32_t reachable(const struct hnsw *g, uint32_t from)
{
    uint64_t *seen = calloc(bits_words(g->count), 8);
    uint32_t *stack = malloc(g->count * sizeof(*stack)), depth = 0, n = 0;
    stack[depth++] = from;
    bits_set(seen, from);
    while (depth > 0) {
        const uint32_t *links = hnsw_links(g, stack[--depth]);
        n++;
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++) {
            if (!bits_test(seen, links[i])) {
                bits_set(seen, links[i]);
                stack[depth++] = links[i];
            }
        }
    }
    free(seen);
    free(stack);
    return n;
}

static uint32_t entry_row(const struct hnsw *g)
{
    return g->entry == LINK_NONE ? 0 : hnsw_node(g, g->entry)->row;
}

Test(hnsw, is_well_formed_and_reaches_every_row)
{
    static const struct {
        enum dataset_kind kind;
        enum metric metric;
        float
            /* every 100th row is so many times as long; under the inner product all others
             * would link only to those */
            hubs;
    } sets[] = {{DATASET_LATENT, METRIC_L2, 1}, {DATASET_WHOLE, METRIC_L2, 1},     {DATASET_EQUAL, METRIC_L2, 1},
                {DATASET_TWINS, METRIC_L2, 1},  {DATASET_EQUAL, METRIC_COSINE, 1}, {DATASET_LATENT, METRIC_IP, 20}};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct dataset d;
        dataset_init(&d, sets[i].kind, sets[i].metric, 48, 1500, 31);
        for (uint32_t r = 0; r < d.count; r += 100)
            for (uint32_t j = 0; j < d.dim; j++)
                dataset_row(&d, r)[j] *= sets[i].hubs;
        struct segment_index *x = dataset_index(&d, 8, 40);
        const struct hnsw *g = graph_of(x);
        const char *why = NULL;
        cr_assert_eq(hnsw_verify(g, NULL, &why), 0, "%s", why);
        const uint32_t kinds = sets[i].kind == DATASET_EQUAL ? 1 : sets[i].kind == DATASET_TWINS ? 30 : d.count;
        cr_assert_eq(g->linked, kinds, "set %zu: %u", i, g->linked);
        cr_assert_leq(g->nodes, kinds / 3); /* expected is about 1 in 8 */
        cr_assert_geq(g->nodes, kinds / 20);
        uint32_t n = reachable(g, entry_row(g));
        cr_assert_eq(n, kinds, "set %zu: %u", i, n);
        cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
        cr_assert_eq(hnsw_verify(g, NULL, &why), 0, "%s", why);
        n = reachable(g, entry_row(g));
        cr_assert_eq(n, kinds, "set %zu, finished: %u", i, n);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}

static bool links_to(const struct hnsw *g, uint32_t from, uint32_t to)
{
    const uint32_t *links = hnsw_links(g, from);
    for (uint32_t i = 0; i < 2 * g->m; i++)
        if (links[i] == to)
            return true;
    return false;
}

/* The share of links to a row that does not link back although its list has a free place. */
static double unanswered(const struct hnsw *g)
{
    uint32_t all = 0, unanswered = 0;
    for (uint32_t row = 0; row < g->count; row++) {
        const uint32_t *links = hnsw_links(g, row);
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++, all++)
            unanswered += hnsw_links(g, links[i])[2 * g->m - 1] == LINK_NONE && !links_to(g, links[i], row);
    }
    return (double)unanswered / all;
}

Test(hnsw, finished_answers_links_wherever_there_is_room)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 48, 3000, 33);
    struct segment_index *x = dataset_index(&d, 12, 60);
    const double before = unanswered(graph_of(x));
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    const double after = unanswered(graph_of(x));
    cr_assert_gt(before, 0.1, "%.4f", before);
    cr_assert_lt(after, 0.01, "%.4f of %.4f", after, before);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* The largest occlusion of a neighbour by a nearer neighbour of the list: squared distance to
 * the row / squared distance between the two. */
static float occlusion_on(const struct dataset *d, uint32_t row, const uint32_t *list, uint32_t n, uint32_t i)
{
    float to_row = vectors_distance(METRIC_L2, dataset_row(d, row), dataset_row(d, list[i]), d->dim), deepest = 0;
    for (uint32_t j = 0; j < n; j++) {
        float near = vectors_distance(METRIC_L2, dataset_row(d, row), dataset_row(d, list[j]), d->dim);
        float between = vectors_distance(METRIC_L2, dataset_row(d, list[i]), dataset_row(d, list[j]), d->dim);
        if (j != i && near < to_row && to_row / between > deepest)
            deepest = to_row / between;
    }
    return deepest;
}

Test(hnsw, fills_lists_but_keeps_directions)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, 1000, 32);
    struct segment_index *x = dataset_index(&d, 16, 80);
    uint32_t links = 0, open = 0, deep = 0;
    for (uint32_t row = 0; row < d.count; row++) {
        const uint32_t *list = hnsw_links(graph_of(x), row);
        uint32_t n = 0;
        while (n < 32 && list[n] != LINK_NONE)
            n++;
        for (uint32_t i = 0; i < n; i++) {
            float occlusion = occlusion_on(&d, row, list, n, i);
            open += occlusion <= 1;
            deep += occlusion > 3;
        }
        links += n;
    }
    cr_assert_gt(links, d.count * 24, "%u", links);
    cr_assert_gt(open, d.count * 4, "%u", open); /* many neighbours are not occluded */
    /* reverse links are not chosen by occlusion until a list is full */
    cr_assert_lt(deep, links / 8, "%u", deep);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Under the inner product most answers are the longest rows, which occlude each other. */
Test(hnsw, finds_rows_of_very_different_length)
{
    struct dataset d, queries;
    uint64_t state = 9;
    dataset_init(&d, DATASET_LATENT, METRIC_IP, 48, 3000, 33);
    dataset_init(&queries, DATASET_LATENT, METRIC_IP, 48, 100, 34);
    for (uint32_t r = 0; r < d.count; r++) {
        const float length = expf((float)(dataset_random(&state) % 4001) / 1000 - 2);
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, r)[j] *= length;
    }
    struct segment_index *x = dataset_index(&d, 16, 100);
    const double recall = dataset_recall(&d, x, &queries, &(struct search_params){.k = 10, .ef = 64});
    cr_assert_geq(recall, 0.98, "%.3f", recall);
    segment_index_destroy(x);
    dataset_fini(&queries);
    dataset_fini(&d);
}
