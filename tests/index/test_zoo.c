/* test_zoo.c -- recall on odd data: the hardest sets of the zoo (bench/ann/zoo.h), small,
 * unindexed, growing and sealed, against exact search. Each search asks for recall .98, the
 * default, and each row is searched for by its own vector. */
#include "ann/zoo_index.h"

#include <criterion/criterion.h>
#include <errno.h>

#define ROWS    1400 /* more than are scanned because they are few */
#define QUERIES 100
#define SLACK   0.005 /* in a mean over so few queries */

static const struct {
    const char *kind;
    enum metric metric;
    uint32_t dim;
} sets[] = {
    {"embedding", METRIC_COSINE, 64},
    {"gaussian", METRIC_L2, 64},
    {"curve", METRIC_L2, 48},
    {"plane", METRIC_COSINE, 64},
    {"shells", METRIC_L2, 32},
    {"clusters", METRIC_L2, 48},
    {"tight-clusters", METRIC_L2, 64},
    {"tight-clusters", METRIC_COSINE, 64},
    {"rare-topic", METRIC_COSINE, 64},
    {"wide-column", METRIC_COSINE, 64},
    {"common-component", METRIC_COSINE, 64},
    {"offset", METRIC_L2, 64},
    {"tiny", METRIC_L2, 32},
    {"norms-wide", METRIC_L2, 64},
    {"outliers", METRIC_L2, 2},
    {"heavy-tails", METRIC_L2, 2},
    {"far-row", METRIC_L2, 32},
    {"counts", METRIC_L2, 64},
    {"bits", METRIC_L2, 64},
    {"copies-most", METRIC_L2, 16},
    {"one-bit-apart", METRIC_L2, 32},
    {"sparse", METRIC_COSINE, 64},
    {"norms-level", METRIC_IP, 64},
    {"uniform", METRIC_IP, 64},
    {"bits", METRIC_IP, 64},
    {"whole", METRIC_L2, 32},
    {"far-row", METRIC_IP, 64},
};

static void normalise(float *v, uint32_t count, uint32_t dim)
{
    for (uint32_t i = 0; i < count; i++)
        cr_assert(vectors_normalise(v + (size_t)i * dim, dim));
}

static double recall_of(const struct zoo_index *x, const struct zoo_truth *t)
{
    uint32_t found = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        uint32_t rows[ZOO_K];
        const int count = zoo_index_search(x, t->set->queries + (size_t)q * t->set->dim, 0, rows);
        cr_assert_eq(count, ZOO_K);
        found += zoo_truth_count(t, q, rows, ZOO_K);
    }
    return (double)found / (QUERIES * ZOO_K);
}

static uint32_t missing_of(const struct zoo_index *x, const struct zoo_truth *t)
{
    uint32_t missing = 0;
    for (uint32_t row = 0; row < t->set->count; row++) {
        uint32_t rows[ZOO_K];
        cr_assert_eq(zoo_index_search(x, t->set->rows + (size_t)row * t->set->dim, 0, rows), ZOO_K);
        missing += !zoo_truth_own(t, row, rows, ZOO_K);
    }
    return missing;
}

static void check_state(const struct zoo_truth *t, const char *kind, enum zoo_state state)
{
    struct zoo_index x;
    cr_assert_eq(zoo_index_build(&x, t->set, t->metric, state, NULL, NULL), 0);
    const double recall = recall_of(&x, t);
    const uint32_t missing = missing_of(&x, t);
    cr_expect_geq(recall, ZOO_RECALL - SLACK, "%s, metric %d, %s: recall %.3f", kind, t->metric, zoo_state_names[state],
                  recall);
    cr_expect_eq(missing, 0, "%s, metric %d, %s: %u rows are not found by their own vectors", kind, t->metric,
                 zoo_state_names[state], missing);
    zoo_index_fini(&x);
}

/* Makes the set, then its truth. Free them in the opposite order. */
static void set_init(struct zoo_set *s, struct zoo_truth *t, const char *kind, uint32_t dim, uint32_t rows,
                     uint64_t seed, enum metric metric)
{
    cr_assert_eq(zoo_make(s, zoo_find(kind), dim, rows, QUERIES, seed), 0);
    if (metric == METRIC_COSINE) {
        normalise(s->rows, s->count, s->dim);
        normalise(s->queries, s->query_count, s->dim);
    }
    cr_assert_eq(zoo_truth_init(t, s, metric, NULL), 0);
}

static void check_set(const char *kind, uint32_t dim, uint32_t rows, uint64_t seed, enum metric metric,
                      enum zoo_state state)
{
    struct zoo_set s;
    struct zoo_truth t;
    set_init(&s, &t, kind, dim, rows, seed, metric);
    check_state(&t, kind, state);
    zoo_truth_fini(&t);
    zoo_fini(&s);
}

static void check_kinds(enum zoo_state state)
{
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
        check_set(sets[i].kind, sets[i].dim, ROWS, 1, sets[i].metric, state);
}

Test(zoo, unindexed_rows_are_found)
{
    check_kinds(ZOO_UNINDEXED);
}

Test(zoo, a_growing_segment_finds_its_rows)
{
    check_kinds(ZOO_GROWING);
}

Test(zoo, a_sealed_segment_finds_its_rows)
{
    check_kinds(ZOO_SEALED);
}

/* 8-bit codes hardly tell the rows of a group apart. With these seeds, the rows that codes are
 * checked with do not show it. */
Test(zoo, rows_that_codes_confuse_are_found_by_their_own_vectors)
{
    check_set("near-points", 64, 3000, 3, METRIC_COSINE, ZOO_SEALED);
    check_set("near-points", 64, 3000, 6, METRIC_COSINE, ZOO_SEALED);
}

/* Counts queries that find none of their answers. */
static uint32_t strays_of(uint64_t seed)
{
    enum { ASKED = 400 };
    struct zoo_set s;
    struct zoo_truth t;
    struct zoo_index x;
    uint32_t none = 0;
    cr_assert_eq(zoo_make(&s, zoo_find("groups"), 16, 6000, ASKED, seed), 0);
    cr_assert_eq(zoo_truth_init(&t, &s, METRIC_IP, NULL), 0);
    cr_assert_eq(zoo_index_build(&x, &s, METRIC_IP, ZOO_SEALED, NULL, NULL), 0);
    for (uint32_t q = 0; q < ASKED; q++) {
        uint32_t rows[ZOO_K];
        const int count = zoo_index_search(&x, s.queries + (size_t)q * s.dim, 0, rows);
        none += count != ZOO_K || zoo_truth_count(&t, q, rows, ZOO_K) == 0;
    }
    zoo_index_fini(&x);
    zoo_truth_fini(&t);
    zoo_fini(&s);
    return none;
}

/* The answers are a group of longer rows in another place than the query, and a walk gets
 * stuck beside the query. */
Test(zoo, groups_that_are_not_reached_from_others_are_linked_under_the_inner_product)
{
    cr_expect_eq(strays_of(2) + strays_of(4) + strays_of(6), 0);
}

/* 4-bit codes put a few rows of a cluster behind more others than are scored again. */
Test(zoo, rows_are_found_by_their_own_vectors_with_coarse_codes)
{
    check_set("clusters", 256, ROWS, 3, METRIC_IP, ZOO_SEALED);
}

/* Centroids and 1-bit codes say little about a curve that winds through all dimensions. So many
 * rows of lists are scored between two that are near. */
Test(zoo, unindexed_rows_of_a_curve_are_found)
{
    check_set("curve", 256, 2000, 1, METRIC_COSINE, ZOO_UNINDEXED);
}

static double unindexed_recall(const char *kind, uint32_t dim, uint32_t rows, enum metric metric)
{
    struct zoo_set s;
    struct zoo_truth t;
    struct zoo_index x;
    set_init(&s, &t, kind, dim, rows, 1, metric);
    cr_assert_eq(zoo_index_build(&x, &s, metric, ZOO_UNINDEXED, NULL, NULL), 0);
    const double recall = recall_of(&x, &t);
    zoo_index_fini(&x);
    zoo_truth_fini(&t);
    zoo_fini(&s);
    return recall;
}

/* All directions are alike, or a few rows are far from all others. So neighbours lie in most
 * lists, and there are more rows than a search looks at in any case. */
Test(zoo, unindexed_rows_are_found_where_lists_tell_little)
{
    cr_expect_geq(unindexed_recall("gaussian", 768, 6000, METRIC_L2), ZOO_RECALL - SLACK);
    cr_expect_geq(unindexed_recall("outliers", 768, 6000, METRIC_L2), ZOO_RECALL - SLACK);
    cr_expect_geq(unindexed_recall("norms-wide", 768, 6000, METRIC_L2), ZOO_RECALL - SLACK);
    cr_expect_geq(unindexed_recall("norms-wide", 768, 6000, METRIC_IP), ZOO_RECALL - SLACK);
    cr_expect_geq(unindexed_recall("heavy-tails", 64, 12000, METRIC_IP), ZOO_RECALL - SLACK);
}

/* Exact codes keep no more rows than are wanted, so none of these may be passed
 * over by its 1-bit code. */
Test(zoo, unindexed_rows_of_any_length_are_found)
{
    cr_expect_geq(unindexed_recall("norms-wide", 64, 3000, METRIC_IP), 0.99);
}

/* -- an import: all rows are appended at once, and are linked while searches go on -- */

struct linking {
    struct zoo_index *x;
    uint32_t stop_at;
};

static int stop_linking(void *arg)
{
    const struct linking *l = arg;
    return segment_index_graphed(l->x->index) >= l->stop_at ? -ETIME : 0;
}

static void check_import(const char *kind, uint32_t dim, enum metric metric)
{
    enum { IMPORTED = 4000, PARTS = 16 };
    /* of PARTS parts, how many are linked */
    static const uint32_t parts[] = {4, 8, 12, 14, 15, 16};
    struct zoo_set s;
    struct zoo_truth t;
    struct zoo_index x;
    set_init(&s, &t, kind, dim, IMPORTED, 5, metric);
    cr_assert_eq(zoo_index_build(&x, &s, metric, ZOO_UNINDEXED, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct linking linking = {&x, s.count * parts[i] / PARTS};
        const struct pause pause = {stop_linking, &linking};
        const int rc = segment_index_advance(x.index, &x.vectors, s.count, &pause);
        cr_assert(rc == 0 || rc == -ETIME);
        const double recall = recall_of(&x, &t);
        cr_expect_geq(recall, ZOO_RECALL - SLACK, "%s, metric %d: recall %.3f, %u of %u rows in the graph", kind,
                      metric, recall, segment_index_graphed(x.index), s.count);
    }
    zoo_index_fini(&x);
    zoo_truth_fini(&t);
    zoo_fini(&s);
}

Test(zoo, rows_are_found_while_an_import_is_linked)
{
    check_import("gaussian", 64, METRIC_L2);
    check_import("outliers", 32, METRIC_L2);
    check_import("norms-wide", 32, METRIC_L2);
    check_import("norms-wide", 32, METRIC_IP);
    check_import("rare-topic", 48, METRIC_COSINE);
    check_import("shells", 32, METRIC_L2);
}
