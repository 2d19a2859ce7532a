/* test_unindexed.c -- rows that the graph does not hold yet. The lists hold each of them once.
 * Searches by lists find what a plain loop finds, for any data and whatever happens at their
 * pauses. The lists are dropped when the graph has taken the rows. */
#include "dataset.h"

#include "base/bits.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Appends rows one by one. The background work runs whenever an eighth has been added, but links
 * no row beyond `graphed`. */
static struct segment_index *grow(const struct dataset *d, uint32_t graphed)
{
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(d->metric, d->dim, &options, &x), 0);
    for (uint32_t row = 0, turn = 0; row < d->count; row++) {
        segment_index_append(x, &d->rows, row);
        if (row >= turn || row + 1 == d->count) {
            cr_assert_eq(segment_index_advance(x, &d->rows, row < graphed ? row : graphed, NULL), 0);
            turn = row + row / 8;
        }
    }
    return x;
}

/* Checks that each row of [from, to) is in one list, that lists ascend, and
 * that no block is empty. */
static void check_lists(const struct unindexed_lists *l, uint32_t from, uint32_t to)
{
    uint8_t *met = calloc(to + 1, 1);
    cr_assert_leq(l->from, from);
    cr_assert_eq(l->to, to);
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t rows = 0;
        int64_t last = -1;
        for (const struct list_block *b = l->list[i].first; b; b = b->next) {
            cr_assert(b->count > 0 && b->count <= LIST_BLOCK_ROWS);
            cr_assert(b->next || b == l->list[i].last);
            const uint32_t *row = list_block_rows(l, b);
            cr_assert(b->first == row[0] && b->last == row[b->count - 1]);
            for (uint32_t j = 0; j < b->count; j++) {
                cr_assert_gt(row[j], last);
                last = row[j];
                cr_assert_lt(last, to);
                met[last]++;
            }
            rows += b->count;
        }
        cr_assert_eq(rows, l->list[i].rows);
    }
    for (uint32_t row = from; row < to; row++)
        cr_assert_eq(met[row], 1, "row %u is in %u lists", row, met[row]);
    free(met);
}

Test(unindexed, every_row_is_in_one_list_until_the_graph_has_it)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 8, 8000, 51);
    struct segment_index *x = grow(&d, 0);
    cr_assert_not_null(x->unindexed.lists);
    check_lists(x->unindexed.lists, 0, d.count);
    const uint64_t most = unindexed_bytes(&x->unindexed);
    cr_assert_gt(most, d.count * 16);
    cr_assert_gt(segment_index_bytes(x), most);
    cr_assert_eq(segment_index_advance(x, &d.rows, 7000, NULL), 0);
    cr_assert_eq(segment_index_graphed(x), 7000);
    check_lists(x->unindexed.lists, 7000, d.count);
    cr_assert_lt(unindexed_bytes(&x->unindexed), most, "blocks of rows in the graph are freed");
    cr_assert_eq(segment_index_advance(x, &d.rows, d.count, NULL), 0);
    cr_assert_null(x->unindexed.lists);
    cr_assert_eq(unindexed_bytes(&x->unindexed), 0);
    segment_index_destroy(x);
    dataset_fini(&d);
}

static double recall_of(enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count, uint32_t graphed,
                        const struct search_params *params)
{
    struct dataset d, q;
    dataset_init(&d, kind, metric, dim, count, 52);
    dataset_init(&q, kind == DATASET_WHOLE ? DATASET_WHOLE : DATASET_LATENT, metric, dim, 40, 53);
    struct segment_index *x = grow(&d, graphed);
    cr_assert_not_null(x->unindexed.lists);
    const double recall = dataset_recall(&d, x, &q, params);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
    return recall;
}

Test(unindexed, finds_nearly_all_nearest_under_every_metric)
{
    const struct search_params p = {.k = 10};
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        cr_assert_geq(recall_of(DATASET_LATENT, metric, 64, 6000, 0, &p), 0.97);
        cr_assert_geq(recall_of(DATASET_LATENT, metric, 64, 6000, 1200, &p), 0.95);
    }
    cr_assert_geq(recall_of(DATASET_WHOLE, METRIC_L2, 128, 6000, 0, &p), 0.97);
}

Test(unindexed, any_dimension)
{
    const struct search_params p = {.k = 10};
    static const uint32_t dims[] = {1, 2, 3, 127, 129, 300};
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
        cr_assert_geq(recall_of(DATASET_LATENT, METRIC_L2, dims[i], 3000, 0, &p), 0.97, "dim %u", dims[i]);
}

Test(unindexed, few_rows_of_many_dimensions_need_no_lists)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 65536, 24, 54);
    struct segment_index *x = grow(&d, 0);
    cr_assert_null(x->unindexed.lists);
    cr_assert_eq(segment_index_scanned_bytes(x), 0, "no lists are to come that writers could wait for");
    const struct search_params p = {.k = 5};
    cr_assert_eq(dataset_recall(&d, x, &d, &p), 1);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Lists for long vectors, of which a test could not hold enough to make some. */
Test(unindexed, rows_of_many_dimensions_are_scored_right)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_COSINE, 4000, 1100, 55);
    struct segment_index *x = grow(&d, 0);
    cr_assert_not_null(x->unindexed.lists);
    struct dataset q = d;
    q.count = 20;
    const struct search_params p = {.k = 5};
    cr_assert_geq(dataset_recall(&d, x, &q, &p), 0.99);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(unindexed, a_search_that_keeps_more_looks_at_more)
{
    struct dataset d;
    /* with fewer values a row, a search looks at all rows */
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 384, 12000, 56);
    struct segment_index *x = grow(&d, 0);
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    uint32_t seen[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct search_params p = {.k = 10, .ef = i == 0 ? 24 : i == 1 ? 64 : 2000};
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 5), &p, s, hits), 10);
        cr_assert_eq(hits[0].row, 5);
        seen[i] = s->unindexed_seen;
    }
    cr_assert_lt(seen[0], seen[1]);
    cr_assert_leq(seen[1], d.count);
    cr_assert_eq(seen[2], 0, "all are scanned by their codes");
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Deleted rows are filtered out in the same way. */
Test(unindexed, finds_what_the_filter_allows)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 300, 6000, 57);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 300, 30, 58);
    struct segment_index *x = grow(&d, 800);
    uint64_t *allowed = calloc(bits_words(d.count), sizeof(*allowed)), state = 9;
    static const uint32_t one_in[] = {2, 8, 60, 2000};
    for (size_t i = 0; i < sizeof(one_in) / sizeof(one_in[0]); i++) {
        memset(allowed, 0, bits_words(d.count) * sizeof(*allowed));
        for (uint32_t row = 0; row < d.count; row++)
            if (dataset_random(&state) % one_in[i] == 0)
                bits_set(allowed, row);
        const struct search_params p = {.k = 10, .allowed = allowed};
        cr_assert_geq(dataset_recall(&d, x, &q, &p), 0.95, "one in %u", one_in[i]);
    }
    memset(allowed, 0xff, bits_words(d.count) * sizeof(*allowed));
    for (uint32_t row = 0; row < d.count; row += 3)
        bits_clear(allowed, row);
    const struct search_params most = {.k = 10, .allowed = allowed};
    cr_assert_geq(dataset_recall(&d, x, &q, &most), 0.95);
    free(allowed);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

/* Rows of a latent space have their neighbours in the nearest lists. Sparse rows have little in
 * common, so their neighbours lie in many lists. */
Test(unindexed, what_lists_tell_is_measured)
{
    struct dataset d, sparse;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 6000, 66);
    dataset_init(&sparse, DATASET_SPARSE, METRIC_L2, 200, 6000, 66);
    struct segment_index *x = grow(&d, 0), *hard = grow(&sparse, 0);
    const struct unindexed_lists *l = x->unindexed.lists;
    cr_assert(l && l->has_need && hard->unindexed.lists->has_need);
    cr_expect(l->need[0] >= 0 && l->need[LIST_NEEDS - 1] <= 1);
    for (uint32_t i = 1; i < LIST_NEEDS; i++)
        cr_expect_leq(l->need[i - 1], l->need[i]);
    cr_expect_lt(unindexed_need(l, 0.5f, 10), unindexed_need(l, 0.98f, 10));
    cr_expect_leq(unindexed_need(l, 0.98f, 10), unindexed_need(l, 0.98f, 100));
    cr_expect_lt(unindexed_need(l, 0.9f, 10), 0.5f, "%g", (double)unindexed_need(l, 0.9f, 10));
    cr_expect_gt(unindexed_need(hard->unindexed.lists, 0.9f, 10), 0.5f, "%g",
                 (double)unindexed_need(hard->unindexed.lists, 0.9f, 10));
    segment_index_destroy(x);
    segment_index_destroy(hard);
    dataset_fini(&d);
    dataset_fini(&sparse);
}

/* -- data that is hard on lists -- */

Test(unindexed, equal_rows_do_not_make_a_search_look_at_all)
{
    struct dataset d;
    dataset_init(&d, DATASET_EQUAL, METRIC_L2, 24, 20000, 59);
    struct segment_index *x = grow(&d, 0);
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    const struct search_params p = {.k = 10, .ef = 32};
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 0), &p, s, hits), 10);
    cr_assert_eq(hits[9].distance, hits[0].distance);
    cr_assert_gt(s->unindexed_seen, 0);
    cr_assert_lt(s->unindexed_seen, d.count / 2);
    cr_assert_lt(s->unindexed_scored, 2000);
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Each row has one value that is not 0. Rows without it are equally far, and those with it may
 * come last. They are appended all at once. */
Test(unindexed, rows_equal_to_the_query_are_found_among_rows_that_are_equally_far)
{
    struct dataset d;
    enum { DIM = 200, ROWS = 5000, KINDS = 190 };
    const struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    struct segment_index *x;
    dataset_init(&d, DATASET_EQUAL, METRIC_L2, DIM, ROWS, 62);
    cr_assert_eq(segment_index_create(d.metric, d.dim, &options, &x), 0);
    for (uint32_t row = 0; row < ROWS; row++) {
        memset(dataset_row(&d, row), 0, DIM * sizeof(float));
        dataset_row(&d, row)[row % KINDS] = 1;
        segment_index_append(x, &d.rows, row);
    }
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    const struct search_params p = {.k = 10, .recall = 0.98f};
    for (uint32_t graphed = 0; graphed <= ROWS; graphed += ROWS / 4) {
        cr_assert_eq(segment_index_advance(x, &d.rows, graphed, NULL), 0);
        for (uint32_t row = 0; row < KINDS; row++) {
            cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, row), &p, s, hits), 10);
            cr_assert_eq(hits[9].distance, 0, "%u rows in the graph, kind %u: the tenth of %d equal rows is at %g",
                         graphed, row, ROWS / KINDS, (double)hits[9].distance);
        }
    }
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(unindexed, twins_are_found)
{
    const struct search_params p = {.k = 100, .ef = 100};
    cr_assert_geq(recall_of(DATASET_TWINS, METRIC_L2, 64, 4000, 0, &p), 0.95);
    cr_assert_geq(recall_of(DATASET_TWINS, METRIC_COSINE, 64, 4000, 0, &p), 0.95);
}

/* Rows are appended cluster by cluster, so the centroids are those of the first clusters. */
Test(unindexed, sorted_input_is_found)
{
    struct dataset d, q;
    enum { CLUSTERS = 6, ROWS = 6000 };
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 32, ROWS, 60);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 32, 60, 61);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] += row * CLUSTERS / ROWS == j % CLUSTERS ? 2 : 0;
    for (uint32_t row = 0; row < q.count; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&q, row)[j] += row % CLUSTERS == j % CLUSTERS ? 2 : 0;
    struct segment_index *x = grow(&d, 0);
    cr_assert_not_null(x->unindexed.lists);
    const struct search_params p = {.k = 10};
    cr_assert_geq(dataset_recall(&d, x, &q, &p), 0.97);
    cr_assert_lt(x->unindexed.lists->largest, ROWS / 2);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

/* -- searches that pause -- */

struct meanwhile {
    const struct dataset *d;
    struct segment_index *x;
    uint32_t count, appended, graphed;
};

static int rows_come(void *arg)
{
    struct meanwhile *m = arg;
    for (uint32_t i = 0; i < m->appended && m->count < m->d->count; i++)
        segment_index_append(m->x, &m->d->rows, m->count++);
    const uint32_t to = graph_of(m->x)->count + m->graphed;
    cr_assert_eq(segment_index_advance(m->x, &m->d->rows, to < m->count ? to : m->count, NULL), 0);
    return 0;
}

/* Lists are made again, rows are coded again, and rows go to the graph, while a search pauses. */
static void search_meanwhile(struct meanwhile *m, uint32_t from, uint32_t search_to)
{
    struct pause pause = {rows_come, m};
    struct search_scratch *s = search_scratch_create();
    uint32_t versions = 0, version = m->x->unindexed.version;
    for (uint32_t search = from; search < search_to; search++) {
        const uint32_t count = m->count, row = search % 2 ? count - 1 : search * 7919 % count;
        const struct search_params p = {.k = 10, .pause = &pause};
        struct hit hits[10];
        cr_assert_eq(segment_index_search(m->x, &m->d->rows, count, dataset_row(m->d, row), &p, s, hits), 10);
        cr_assert_eq(hits[0].row, row, "row %u of %u, %u in the graph", row, count, graph_of(m->x)->count);
        for (int i = 0; i < 10; i++) {
            cr_assert_lt(hits[i].row, count);
            for (int j = 0; j < i; j++)
                cr_assert_neq(hits[i].row, hits[j].row);
        }
        versions += version != m->x->unindexed.version;
        version = m->x->unindexed.version;
    }
    cr_assert_gt(versions, 0, "lists were never replaced");
    search_scratch_destroy(s);
}

Test(unindexed, rows_come_and_lists_are_replaced_while_searches_pause)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 256, 9000, 62);
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 20};
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, &options, &x), 0);
    struct meanwhile m = {.d = &d, .x = x, .count = 600, .appended = 60};
    for (uint32_t row = 0; row < m.count; row++)
        segment_index_append(x, &d.rows, row);
    cr_assert_eq(segment_index_advance(x, &d.rows, 550, NULL), 0);
    search_meanwhile(&m, 0, 120);
    cr_assert_eq(m.count, d.count);
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(unindexed, rows_go_to_the_graph_while_searches_pause)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 256, 4000, 63);
    struct segment_index *x = grow(&d, 600);
    cr_assert_not_null(x->unindexed.lists);
    struct meanwhile m = {.d = &d, .x = x, .count = d.count, .graphed = 25};
    search_meanwhile(&m, 0, 100);
    cr_assert_null(x->unindexed.lists, "%u in the graph", graph_of(x)->count);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Codes are long, so that a search pauses between two lists. Rows that it found in the first
 * list then go to the graph, and are scanned. */
Test(unindexed, a_row_that_goes_to_the_graph_between_two_lists_is_found_once)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 2048, 3000, 64);
    struct segment_index *x = grow(&d, 100); /* too few rows for a walk, which pauses too */
    struct search_scratch *s = search_scratch_create();
    struct meanwhile m = {.d = &d, .x = x, .count = d.count, .graphed = 12};
    struct pause pause = {rows_come, &m};
    const struct search_params p = {.k = 10, .ef = 512, .pause = &pause};
    unsigned moved = 0;
    while (graph_of(x)->count < 400) {
        const uint32_t row = graph_of(x)->count + 5, before = graph_of(x)->count;
        struct hit hits[10];
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, row), &p, s, hits), 10);
        cr_assert_eq(hits[0].row, row);
        for (int i = 0; i < 10; i++)
            for (int j = 0; j < i; j++)
                cr_assert_neq(hits[i].row, hits[j].row, "row %u is there twice", hits[i].row);
        moved += graph_of(x)->count > row;
        cr_assert_gt(graph_of(x)->count, before);
    }
    cr_assert_gt(moved, 0, "no row went to the graph while it was searched for");
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

struct counted_pause {
    struct meanwhile m;
    uint32_t pauses;
};

static int count_pause(void *arg)
{
    struct counted_pause *c = arg;
    c->pauses++;
    return rows_come(&c->m);
}

/* 1-bit codes do not tell these rows apart, so nearly all are scored, and they lie in few lists.
 * Meanwhile the graph takes some. */
Test(unindexed, a_search_that_scores_nearly_all_pauses_within_a_list)
{
    struct dataset d;
    dataset_init(&d, DATASET_EQUAL, METRIC_L2, 16, 12000, 67);
    uint64_t state = 5;
    for (uint32_t row = 0; row < d.count; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] += (row % 2 ? 1e-5f : 1) * ((float)(dataset_random(&state) % 2000) / 1000 - 1);
    struct segment_index *x = grow(&d, 700);
    struct search_scratch *s = search_scratch_create();
    struct counted_pause counted = {.m = {.d = &d, .x = x, .count = d.count, .graphed = 40}};
    const struct pause pause = {count_pause, &counted};
    const struct search_params p = {.k = 10, .recall = 0.98f, .pause = &pause};
    uint32_t most = 0;
    for (uint32_t row = d.count - 1; row > d.count - 60; row -= 2) {
        struct hit hits[10], nearest[10];
        counted.pauses = 0;
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, row), &p, s, hits), 10);
        most = counted.pauses > most ? counted.pauses : most;
        dataset_nearest(&d, d.count, dataset_row(&d, row), 10, NULL, nearest);
        cr_assert_eq(hits[0].row, row);
        cr_expect_leq(hits[8].distance, nearest[9].distance);
        for (int i = 0; i < 10; i++)
            for (int j = 0; j < i; j++)
                cr_assert_neq(hits[i].row, hits[j].row, "row %u is there twice", hits[i].row);
    }
    cr_assert_geq(most, 4, "%u pauses", most);
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

static int stop_soon(void *arg)
{
    uint32_t *left = arg;
    return (*left)-- == 0 ? -ETIME : 0;
}

Test(unindexed, stopped_at_any_pause_it_goes_on_and_equal_input_makes_equal_lists)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 40, 2500, 64);
    struct segment_index *whole = grow(&d, 0), *x;
    cr_assert_eq(segment_index_create(METRIC_L2, d.dim, NULL, &x), 0);
    uint32_t left, stops = 0;
    const struct pause pause = {stop_soon, &left};
    for (uint32_t row = 0, turn = 0; row < d.count; row++) {
        segment_index_append(x, &d.rows, row);
        if (row < turn && row + 1 < d.count)
            continue;
        turn = row + row / 8;
        for (int rc = -ETIME; rc == -ETIME; stops++) {
            left = 3 + stops % 5;
            rc = segment_index_advance(x, &d.rows, 0, &pause);
            cr_assert(rc == 0 || rc == -ETIME);
            cr_assert_lt(stops, 20000);
        }
    }
    const struct unindexed_lists *a = whole->unindexed.lists, *b = x->unindexed.lists;
    cr_assert(a && b);
    cr_assert_eq(a->count, b->count);
    check_lists(b, 0, d.count);
    for (uint32_t i = 0; i < a->count; i++) {
        cr_assert_eq(a->list[i].rows, b->list[i].rows);
        if (a->list[i].first)
            cr_assert_arr_eq(list_block_rows(a, a->list[i].first), list_block_rows(b, b->list[i].first),
                             a->list[i].first->count * sizeof(uint32_t));
    }
    segment_index_destroy(whole);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Squares of such values are infinite in floats, and so would be every distance. */
Test(unindexed, rows_that_are_infinitely_far_are_returned)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 200, 3000, 65);
    for (uint32_t row = 0; row < d.count; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] *= 1e30f;
    struct segment_index *x = grow(&d, 0);
    struct search_scratch *s = search_scratch_create();
    const struct search_params p = {.k = 10};
    struct hit hits[10];
    cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, 1), &p, s, hits), 10);
    search_scratch_destroy(s);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Rows of a group are a thousand times closer to each other than the groups are, with
 * values around 1000. The codes of centroids, and the numbers of rows, say little
 * about either difference. */
Test(unindexed, rows_close_together_and_far_from_zero_are_told_apart)
{
    const struct search_params p = {.k = 10};
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        for (unsigned shape = 0; shape < 2; shape++) {
            struct dataset d, q;
            dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 3000, 58);
            dataset_init(&q, DATASET_LATENT, METRIC_L2, 64, 30, 59);
            d.metric = q.metric = metric;
            for (uint32_t i = 0; i < d.count + q.count; i++) {
                float *x = i < d.count ? dataset_row(&d, i) : dataset_row(&q, i - d.count);
                for (uint32_t j = 0; j < d.dim; j++)
                    x[j] = shape == 0 ? 1000 + x[j] : x[j] * 1e-3f + (i % 8 == j % 8 ? 10 : 0);
                if (metric == METRIC_COSINE)
                    cr_assert(vectors_normalise(x, d.dim));
            }
            struct segment_index *x = grow(&d, 0);
            const double recall = dataset_recall(&d, x, &q, &p);
            cr_expect_geq(recall, 0.95, "metric %d, shape %u: %.3f", (int)metric, shape, recall);
            segment_index_destroy(x);
            dataset_fini(&d);
            dataset_fini(&q);
        }
}
