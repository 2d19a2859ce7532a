/* test_copies.c -- equal rows: only the leader is in the graph and in the lists, all copies are
 * found, and rows beside them are not hidden. */
#include "dataset.h"

#include "base/bits.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include "sealed.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIM 32

/* `groups` latent vectors; row r equals the first row of group_of(r). */
static void make_groups(struct dataset *d, enum metric metric, uint32_t count, uint32_t (*first_of)(uint32_t row))
{
    dataset_init(d, DATASET_LATENT, metric, DIM, count, 51);
    for (uint32_t r = 0; r < count; r++)
        if (first_of(r) != r)
            memcpy(dataset_row(d, r), dataset_row(d, first_of(r)), DIM * sizeof(float));
}

static uint32_t mostly_one(uint32_t row) /* 99.5 % of the rows have one vector */
{
    return row % 200 == 7 ? row : 0;
}

/* groups of 2, 3, .. rows, far from each other in the input */
static uint32_t of_many_sizes(uint32_t row)
{
    const uint32_t kind = row % 97;
    return kind > 40 ? row : row < 97 ? row : row / 97 % (kind + 2) == 0 ? row : kind;
}

static struct segment_index *grow(const struct dataset *d, uint32_t graphed)
{
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(d->metric, d->dim, &options, &x), 0);
    for (uint32_t row = 0; row < d->count; row++) {
        segment_index_append(x, &d->rows, row);
        if (row % 100 == 99 || row + 1 == d->count)
            cr_assert_eq(segment_index_advance(x, &d->rows, row < graphed ? row + 1 : graphed, NULL), 0);
    }
    return x;
}

/* Seals the index and opens it in place. */
static struct segment_index *open_sealed(struct segment_index *x, const struct dataset *d)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n;
    const char *why = "";
    struct segment_index *opened;
    cr_assert_eq(segment_index_finish(x, &d->rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_regions(x, regions, &n), 0);
    cr_assert_eq(segment_index_open(d->metric, d->dim, d->count, regions, n, false, NULL, &opened, &why), 0, "%s", why);
    return opened;
}

/* Searches for each row by its own vector: the nearest hit is as near as the row itself. Then
 * for all rows of a group, and with a bit set. */
static void check_searches(const struct dataset *d, const struct segment_index *x, const char *what)
{
    struct search_scratch *s = search_scratch_create();
    struct hit hit;
    const struct search_params one = {.k = 1};
    for (uint32_t r = 0; d->metric != METRIC_IP && r < d->count; r += 7) {
        cr_assert_eq(segment_index_search(x, &d->rows, d->count, dataset_row(d, r), &one, s, &hit), 1);
        cr_assert(memcmp(dataset_row(d, hit.row), dataset_row(d, r), DIM * sizeof(float)) == 0, "%s: row %u", what, r);
    }
    search_scratch_destroy(s);
    struct dataset queries;
    dataset_init(&queries, DATASET_LATENT, d->metric, DIM, 60, 52);
    uint64_t *allowed = calloc(bits_words(d->count), sizeof(*allowed));
    for (uint32_t r = 3; r < d->count; r++)
        if (r % 5)
            bits_set(allowed, r);
    double recall = dataset_recall(d, x, &queries, &(struct search_params){.k = 10});
    cr_assert_geq(recall, 0.98, "%s: %.3f", what, recall);
    recall = dataset_recall(d, x, &queries, &(struct search_params){.k = 100});
    cr_assert_geq(recall, 0.98, "%s: %.3f of 100", what, recall);
    recall = dataset_recall(d, x, &queries, &(struct search_params){.k = 10, .allowed = allowed});
    cr_assert_geq(recall, 0.98, "%s: %.3f of those allowed", what, recall);
    free(allowed);
    dataset_fini(&queries);
}

Test(copies, are_all_found_and_hide_no_other_row)
{
    static uint32_t (*const kinds[])(uint32_t) = {mostly_one, of_many_sizes};
    for (unsigned kind = 0; kind < 2; kind++)
        for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
            struct dataset d;
            make_groups(&d, metric, 3000, kinds[kind]);
            struct segment_index *x = grow(&d, d.count);
            cr_assert_lt(graph_of(x)->linked, d.count * 9 / 10);
            check_searches(&d, x, "growing");
            struct segment_index *sealed = open_sealed(x, &d);
            check_searches(&d, sealed, "sealed");
            segment_index_destroy(sealed);
            segment_index_destroy(x);
            x = grow(&d, 700); /* the other rows are in lists */
            cr_assert_not_null(x->unindexed.lists);
            check_searches(&d, x, "unindexed");
            segment_index_destroy(x);
            dataset_fini(&d);
        }
}

static uint32_t of_four(uint32_t row)
{
    return row % 4;
}

/* The vectors of copies are overwritten, so a search that compares copies finds other distances. */
Test(copies, of_few_vectors_are_not_compared_by_a_search_for_a_recall)
{
    struct dataset d;
    make_groups(&d, METRIC_L2, 3000, of_four);
    struct segment_index *x = grow(&d, d.count), *sealed = open_sealed(x, &d);
    struct search_scratch *s = search_scratch_create();
    struct hit exact[400], hits[400];
    const struct search_params of_all = {.k = 400, .exact = true}, by_recall = {.k = 400, .recall = 0.98f};
    float query[DIM];
    memcpy(query, dataset_row(&d, 2), sizeof(query));
    cr_assert_eq(segment_index_search(sealed, &d.rows, d.count, query, &of_all, s, exact), 400);
    for (uint32_t r = 4; r < d.count; r++)
        memset(dataset_row(&d, r), 0, DIM * sizeof(float));
    cr_assert_eq(segment_index_search(sealed, &d.rows, d.count, query, &by_recall, s, hits), 400);
    for (unsigned i = 0; i < 400; i++) {
        cr_assert_eq(hits[i].row, exact[i].row, "hit %u", i);
        cr_assert_eq(hits[i].distance, exact[i].distance, "hit %u", i);
    }
    search_scratch_destroy(s);
    segment_index_destroy(sealed);
    segment_index_destroy(x);
    dataset_fini(&d);
}

static bool is_found(const struct segment_index *x, const struct dataset *d, uint32_t row, const uint64_t *allowed)
{
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    const struct search_params p = {.k = 10, .allowed = allowed};
    const int n = segment_index_search(x, &d->rows, d->count, dataset_row(d, row), &p, s, hits);
    bool found = false;
    cr_assert_geq(n, 0);
    for (int i = 0; i < n; i++)
        found |= hits[i].row == row;
    search_scratch_destroy(s);
    return found;
}

/* A window slides over the rows. Rows that it has left are not linked, but the same vector
 * that comes again is. */
Test(copies, rows_that_are_dead_when_their_turn_comes_are_left_out)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, DIM, 4000, 54);
    for (uint32_t r = 3000; r < d.count; r++) /* dead rows are followed by some that live */
        memcpy(dataset_row(&d, r), dataset_row(&d, r - 1000 - r % 2 * 1900), DIM * sizeof(float));
    uint64_t *alive = calloc(bits_words(d.count), sizeof(*alive));
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(d.metric, d.dim, &options, &x), 0);
    segment_index_lend_alive(x, alive);
    for (uint32_t r = 0; r < d.count; r++) {
        bits_set(alive, r);
        segment_index_append(x, &d.rows, r);
        if (r >= 500 && r < 3000)
            bits_clear(alive, r - 400);
        if (r % 1000 == 999)
            cr_assert_eq(segment_index_advance(x, &d.rows, r + 1, NULL), 0);
    }
    cr_assert_eq(segment_index_graphed(x), d.count);
    cr_assert_gt(x->copies.absent, 1000);
    for (uint32_t r = 0; r < d.count; r++)
        cr_assert(!bits_test(alive, r) || is_found(x, &d, r, alive), "row %u", r);
    /* after a power cut, rows that a sealed file left out may be alive again */
    struct segment_index *sealed = open_sealed(x, &d);
    for (uint32_t r = 0; r < d.count; r++)
        bits_set(alive, r);
    for (uint32_t r = 0; r < d.count; r += 3)
        cr_assert(is_found(sealed, &d, r, alive) && is_found(sealed, &d, r, NULL), "row %u of the file", r);
    segment_index_destroy(sealed);
    segment_index_destroy(x);
    free(alive);
    dataset_fini(&d);
}

/* A leader is dead when the build comes to it, while copies that came before are alive. */
Test(copies, live_on_when_their_leader_dies_before_its_turn)
{
    struct dataset d;
    enum { HALF = 2500 };
    dataset_init(&d, DATASET_LATENT, METRIC_L2, DIM, 2 * HALF, 56);
    uint64_t *alive = calloc(bits_words(d.count), sizeof(*alive));
    struct segment_index *x;
    const struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(d.metric, d.dim, &options, &x), 0);
    segment_index_lend_alive(x, alive);
    for (uint32_t r = 0; r < d.count; r++) {
        if (r >= HALF)
            memcpy(dataset_row(&d, r), dataset_row(&d, r - HALF), DIM * sizeof(float));
        bits_set(alive, r);
        segment_index_append(x, &d.rows, r);
    }
    for (uint32_t r = 1; r < HALF; r += 3)
        bits_clear(alive, r);
    cr_assert_eq(segment_index_advance(x, &d.rows, d.count, NULL), 0);
    for (uint32_t r = HALF; r < d.count; r++)
        cr_assert(is_found(x, &d, r, alive), "row %u, a copy of row %u", r, r - HALF);
    segment_index_destroy(x);
    free(alive);
    dataset_fini(&d);
}

/* The 250 rows from `first` on have copies at the end. Every second of them may not be returned. */
static void make_pairs(struct dataset *d, uint32_t dim, uint32_t count, uint32_t first, uint64_t **ret_allowed)
{
    dataset_init(d, DATASET_LATENT, METRIC_L2, dim, count, 55);
    *ret_allowed = calloc(bits_words(count), sizeof(**ret_allowed));
    memset(*ret_allowed, 0xff, bits_words(count) * sizeof(**ret_allowed));
    for (uint32_t i = 0; i < 250; i++) {
        memcpy(dataset_row(d, count - 250 + i), dataset_row(d, first + i), dim * sizeof(float));
        if (i % 2)
            bits_clear(*ret_allowed, first + i);
    }
}

/* Lists hold only leaders. */
Test(copies, are_found_in_lists_when_their_leader_is_scanned_and_not_allowed)
{
    struct dataset d;
    uint64_t *allowed;
    make_pairs(&d, DIM, 4000, 0, &allowed);
    struct segment_index *x = grow(&d, 300); /* too few rows for a walk */
    cr_assert_not_null(x->unindexed.lists);
    for (uint32_t i = 0; i < 250; i++)
        cr_assert(is_found(x, &d, d.count - 250 + i, allowed), "the copy of row %u", i);
    segment_index_destroy(x);
    free(allowed);
    dataset_fini(&d);
}

struct growth_beside {
    struct segment_index *x;
    const struct dataset *d;
};

static int grow_some(void *arg)
{
    const struct growth_beside *g = arg;
    const uint32_t to = graph_of(g->x)->count + 10;
    cr_assert_eq(segment_index_advance(g->x, &g->d->rows, to < g->d->count ? to : g->d->count, NULL), 0);
    return 0;
}

/* At a pause of a search, the leader goes from the lists to the graph. */
Test(copies, are_found_when_their_leader_goes_to_the_graph_meanwhile)
{
    enum { FIRST = 600 };
    struct dataset d;
    uint64_t *allowed;
    make_pairs(&d, 256, 4000, FIRST, &allowed);
    struct search_scratch *s = search_scratch_create();
    struct segment_index *x = grow(&d, FIRST);
    struct growth_beside beside = {x, &d};
    struct pause pause = {grow_some, &beside};
    const struct search_params p = {.k = 10, .allowed = allowed, .pause = &pause};
    for (uint32_t i = 1; i < 250; i = graph_of(x)->count - FIRST + 1) {
        struct hit hits[10];
        i += i % 2 == 0;
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, FIRST + i), &p, s, hits), 10);
        cr_assert_gt(graph_of(x)->count, FIRST + i, "it did not pause");
        cr_assert_eq(hits[0].row, d.count - 250 + i, "row %u is found instead of %u", hits[0].row, d.count - 250 + i);
        cr_assert(i > 200 || x->unindexed.lists);
    }
    segment_index_destroy(x);
    search_scratch_destroy(s);
    free(allowed);
    dataset_fini(&d);
}

static int count_pause(void *arg)
{
    ++*(unsigned *)arg;
    return 0;
}

static uint32_t every_other(uint32_t row)
{
    return row % 2 ? 0 : row;
}

/* A filter leaves out all but the last of 10 000 copies, and enough rows for a walk. */
Test(copies, that_a_filter_leaves_out_are_passed_with_pauses)
{
    enum { COUNT = 20000 };
    struct dataset d;
    unsigned pauses[2] = {0};
    struct pause pause = {count_pause, &pauses[0]};
    struct hit hits[10];
    make_groups(&d, METRIC_L2, COUNT, every_other);
    uint64_t *allowed = calloc(bits_words(d.count), sizeof(*allowed));
    for (uint32_t row = 2; row < d.count; row++)
        if (row == d.count - 1 || every_other(row) == row)
            bits_set(allowed, row);
    struct search_scratch *s = search_scratch_create();
    struct segment_index *x = grow(&d, d.count);
    const struct search_params p = {.k = 10, .ef = 32, .allowed = allowed, .pause = &pause};
    for (unsigned i = 0; i < 2; i++) { /* a query near row 0, then one far from it */
        pause.arg = &pauses[i];
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, dataset_row(&d, i * 500), &p, s, hits), 10);
        cr_assert_eq(hits[0].row, i ? 500 : d.count - 1);
    }
    cr_assert_geq(pauses[0], pauses[1] + COUNT / 2 / 2048, "%u pauses, and %u", pauses[0], pauses[1]);
    segment_index_destroy(x);
    search_scratch_destroy(s);
    free(allowed);
    dataset_fini(&d);
}

Test(copies, groups_from_a_disk_are_checked)
{
    struct sealed s;
    struct segment_index *x;
    sealed_init(&s, DATASET_TWINS, METRIC_L2, DIM, 400, &(struct index_options){.m = 8, .ef_construct = 40});
    unsigned last = 0;
    while (last < s.count && strcmp(s.regions[last].name, "copies") != 0)
        last++;
    cr_assert_lt(last, s.count);
    cr_assert_eq(sealed_open(&s, true, &x), 0);
    segment_index_destroy(x);
    uint32_t *next = s.copy[last];
    /* any value gives an error, or groups in which a search ends */
    for (unsigned i = 0; i < 3000; i++) {
        const uint32_t row = i * 7 % 400, was = next[row];
        next[row] = i % 3 == 0 ? was ^ ((uint32_t)1 << (i % 32)) : (uint32_t)(i * 2654435761u);
        if (sealed_open(&s, false, &x) == 0) {
            struct search_scratch *scratch = search_scratch_create();
            struct hit hits[400];
            const struct search_params p = {.k = 400};
            cr_assert_leq(segment_index_search(x, &s.d.rows, 400, dataset_row(&s.d, row), &p, scratch, hits), 400);
            search_scratch_destroy(scratch);
            segment_index_destroy(x);
        }
        next[row] = was;
    }
    s.regions[last].size -= 4;
    cr_assert_eq(sealed_open(&s, false, &x), -EINVAL);
    s.regions[last].size += 4;
    sealed_fini(&s);
}
