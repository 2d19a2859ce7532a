/* test_recall.c -- the recall curve: it is measured, rises, keeps its promise, and leads to a
 * scan where no walk reaches the wanted recall. */
#include "sealed.h"

#include "graph.h"
#include "index/recall/recall_measure.h"
#include "index/recall/recall_truth.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static const struct index_options usual = {.m = 8, .ef_construct = 40};

struct opened {
    struct sealed s;
    struct segment_index *x;
};

static void opened_init(struct opened *o, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                        const struct index_options *options)
{
    sealed_init(&o->s, kind, metric, dim, count, options);
    cr_assert_eq(sealed_open(&o->s, false, &o->x), 0);
}

static void opened_fini(struct opened *o)
{
    segment_index_destroy(o->x);
    sealed_fini(&o->s);
}

/* Mean recall of 100 queries that are no rows. */
static double recall_of(const struct opened *o, float recall, uint32_t k)
{
    struct dataset q;
    dataset_init(&q, DATASET_LATENT, o->s.d.metric, o->s.d.dim, 100, 12);
    const struct search_params p = {.k = k, .recall = recall};
    const double got = dataset_recall(&o->s.d, o->x, &q, &p);
    dataset_fini(&q);
    return got;
}

/* k_min: the least k that is checked. Where nothing scores coarse codes again, the nearest row
 * may be the second by its code, although a curve of k 10 promises more. */
static void check_promises(const struct opened *o, const char *what, uint32_t k_min)
{
    static const float wanted[] = {0.8f, 0.9f, 0.95f, 0.98f, 0.99f};
    static const uint32_t ks[] = {1, 10, 30, 100};
    for (size_t k = 0; k < ARRAY_LEN(ks); k++) {
        for (size_t i = 0; ks[k] >= k_min && i < ARRAY_LEN(wanted); i++) {
            const double got = recall_of(o, wanted[i], ks[k]);
            cr_expect_geq(got, wanted[i] - 0.015, "%s: k %u, asked for %.3f, got %.4f", what, ks[k], wanted[i], got);
        }
        cr_expect_eq(recall_of(o, 1, ks[k]), 1, "%s: k %u, exact", what, ks[k]);
    }
}

Test(recall, what_is_asked_for_is_found)
{
    static const struct {
        const char *what;
        enum dataset_kind kind;
        uint32_t dim, count;
        struct index_options options;
    } cases[] = {
        {"latent", DATASET_LATENT, 48, 4000, {.m = 8, .ef_construct = 40}},
        {"few links", DATASET_LATENT, 24, 3000, {.m = 3, .ef_construct = 10}},
        {"half bytes", DATASET_LATENT, 48, 2000, {.m = 8, .ef_construct = 40, .code = CODE_SQ4, .refine = REFINE_F32}},
        {"a bit", DATASET_LATENT, 64, 2000, {.m = 8, .code = CODE_RABITQ, .code_bits = 1, .refine = REFINE_F16}},
        {"coarse, and nothing refines", DATASET_LATENT, 48, 2000, {.m = 8, .code = CODE_SQ4, .refine = REFINE_NONE}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct opened o;
        opened_init(&o, cases[i].kind, METRIC_L2 + (enum metric)(i % 3), cases[i].dim, cases[i].count,
                    &cases[i].options);
        check_promises(&o, cases[i].what, cases[i].options.refine == REFINE_NONE ? 10 : 1);
        opened_fini(&o);
    }
}

static void check_rises(const struct recall_ladder *l)
{
    cr_assert_gt(l->count, 1);
    for (uint32_t i = 1; i < l->count; i++) {
        cr_assert_gt(l->rung[i].ef, l->rung[i - 1].ef);
        cr_assert_geq(l->rung[i].recall, l->rung[i - 1].recall);
        cr_assert_geq(l->rung[i].floor, l->rung[i - 1].floor);
        cr_assert_gt(l->rung[i].distances, l->rung[i - 1].distances);
    }
}

Test(recall, a_curve_rises_and_a_higher_recall_takes_a_larger_ef)
{
    struct opened o;
    opened_init(&o, DATASET_LATENT, METRIC_L2, 48, 4000, &usual);
    const struct recall_curve *c = segment_index_curve(o.x);
    cr_assert_not_null(c);
    check_rises(&c->of[0]);
    check_rises(&c->of[1]);
    check_rises(&c->early);
    cr_assert_null(recall_curve_check(c, 4000));
    for (uint32_t k = 1; k <= 300; k = k * 3) {
        uint32_t ef = k;
        for (float recall = 0.5f; recall < 0.97f; recall += 0.01f) {
            const uint32_t next = segment_index_ef(o.x, recall, k);
            cr_assert_geq(next, ef, "k %u, recall %.2f: %u after %u", k, recall, next, ef);
            ef = next;
        }
    }
    opened_fini(&o);
}

Test(recall, copies_count_as_found_whichever_is_found)
{
    struct opened o;
    opened_init(&o, DATASET_TWINS, METRIC_L2, 32, 2000, &usual);
    const struct recall_curve *c = segment_index_curve(o.x);
    const struct recall_ladder *l = &c->of[0];
    cr_assert_geq(l->rung[l->count - 1].recall, 0.99f, "%f", l->rung[l->count - 1].recall);
    opened_fini(&o);
}

Test(recall, where_all_rows_are_equal_nothing_is_measured_and_all_is_compared)
{
    struct opened o;
    opened_init(&o, DATASET_EQUAL, METRIC_IP, 32, 1000, &usual);
    const struct recall_curve *c = segment_index_curve(o.x);
    cr_assert(c && c->of[0].count == 0 && c->scan.ef == 0);
    cr_assert_eq(recall_of(&o, 0.9f, 10), 1);
    opened_fini(&o);
}

/* Rows of 0 and 1 have codes without loss. But the queries lie between them, where the codes
 * cannot tell rows apart. */
Test(recall, queries_between_whole_numbers_are_measured_too)
{
    struct dataset d, q;
    uint64_t state = 3;
    dataset_init(&d, DATASET_WHOLE, METRIC_L2, 64, 3000, 41);
    dataset_init(&q, DATASET_WHOLE, METRIC_L2, 64, 60, 42);
    for (uint32_t row = 0; row < d.count; row++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, row)[j] = (float)(dataset_random(&state) >> 63);
    for (uint32_t row = 0; row < q.count; row++)
        for (uint32_t j = 0; j < q.dim; j++)
            dataset_row(&q, row)[j] = (float)(dataset_random(&state) >> 63) + (float)(j % 7) / 60 - 0.05f;
    struct segment_index *x = dataset_index_of(&d, &usual), *opened;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count;
    const char *why;
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_regions(x, regions, &count), 0);
    cr_assert_eq(segment_index_open(METRIC_L2, 64, d.count, regions, count, false, NULL, &opened, &why), 0);
    const struct search_params p = {.k = 10, .recall = 0.98f};
    const double got = dataset_recall(&d, opened, &q, &p);
    cr_assert_geq(got, 0.965, "%f", got);
    segment_index_destroy(opened);
    segment_index_destroy(x);
    dataset_fini(&q);
    dataset_fini(&d);
}

Test(recall, few_rows_are_not_measured_but_compared)
{
    struct opened o;
    opened_init(&o, DATASET_LATENT, METRIC_L2, 16, RECALL_ROWS_MIN - 1, &usual);
    cr_assert_null(segment_index_curve(o.x));
    cr_assert_eq(segment_index_ef(o.x, 0.9f, 10), 0);
    cr_assert_eq(recall_of(&o, 0.5f, 10), 1);
    opened_fini(&o);
}

/* Walks compute so few distances here that only the floors decide. */
Test(recall, below_the_floor_all_codes_are_scanned_and_then_all_vectors)
{
    struct opened o;
    opened_init(&o, DATASET_LATENT, METRIC_L2, 48, 4000, &usual);
    struct recall_curve *c = o.x->curve;
    const struct recall_sizes sizes = {.rows = 4000, .distinct = 4000, .code_bytes = 64, .vector_bytes = 192};
    cr_assert_eq(recall_curve_effort(c, &sizes, 0.9f, 10, true).way, RECALL_WALK);
    cr_assert_eq(recall_curve_effort(c, &sizes, 1, 10, true).way, RECALL_EXACT);
    for (uint32_t i = 0; i < c->of[0].count; i++)
        c->of[0].rung[i].floor = fminf(c->of[0].rung[i].floor, 0.5f);
    cr_assert(recall_curve_effort(c, &sizes, 0.9f, 10, true).ends_early, "the other ladder reaches it still");
    for (uint32_t i = 0; i < c->early.count; i++)
        c->early.rung[i].floor = fminf(c->early.rung[i].floor, 0.5f);
    c->scan.floor = 0.95f;
    cr_assert_eq(recall_curve_effort(c, &sizes, 0.9f, 10, true).way, RECALL_SCAN);
    cr_assert_eq(recall_curve_effort(c, &sizes, 0.96f, 10, true).way, RECALL_EXACT);
    cr_assert_geq(recall_of(&o, 0.9f, 10), 0.95);
    c->scan.floor = 0;
    cr_assert_eq(recall_curve_effort(c, &sizes, 0.9f, 10, true).way, RECALL_EXACT);
    cr_assert_eq(recall_of(&o, 0.9f, 10), 1);
    opened_fini(&o);
}

Test(recall, of_a_graph_that_was_not_measured_ef_is_the_callers_or_a_default)
{
    struct dataset d, q;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, 3000, 41);
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 24, 50, 12);
    struct segment_index *x = dataset_index(&d, 4, 20);
    const struct search_params narrow = {.k = 10, .recall = 0.98f, .ef_unmeasured = 10},
                               wide = {.k = 10, .recall = 0.98f, .ef_unmeasured = 400},
                               usual_ef = {.k = 10, .recall = 0.98f}, as_ef = {.k = 10, .ef = 64};
    cr_assert_lt(dataset_recall(&d, x, &q, &narrow), dataset_recall(&d, x, &q, &wide));
    cr_assert_float_eq(dataset_recall(&d, x, &q, &usual_ef), dataset_recall(&d, x, &q, &as_ef), 0.01);
    for (float recall = 0.5f; recall < 1; recall += 0.01f)
        cr_assert_geq(recall_default_ef(recall + 0.01f, 10), recall_default_ef(recall, 10));
    cr_assert_geq(recall_default_ef(0.98f, 500), 500);
    segment_index_destroy(x);
    dataset_fini(&q);
    dataset_fini(&d);
}

Test(recall, ef_wins_over_recall)
{
    struct opened o;
    struct dataset q;
    opened_init(&o, DATASET_LATENT, METRIC_L2, 24, 3000, &(struct index_options){.m = 3, .ef_construct = 10});
    dataset_init(&q, DATASET_LATENT, METRIC_L2, 24, 50, 12);
    const struct search_params both = {.k = 10, .ef = 10, .recall = 1}, ef = {.k = 10, .ef = 10};
    cr_assert_eq(dataset_recall(&o.s.d, o.x, &q, &both), dataset_recall(&o.s.d, o.x, &q, &ef));
    cr_assert_lt(dataset_recall(&o.s.d, o.x, &q, &both), 0.99);
    dataset_fini(&q);
    opened_fini(&o);
}

/* A hidden row is not found and not walked over, although it is linked. */
Test(recall, a_row_that_is_left_out_is_not_met)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, 2000, 41);
    struct segment_index *x = dataset_index(&d, 8, 40);
    struct recall_truth t;
    cr_assert_eq(recall_truth_init(&t, x, UINT32_MAX, &d.rows), 0);
    cr_assert_gt(t.of.count, 50);
    struct search_scratch *scratch = search_scratch_create();
    void *room = NULL;
    cr_assert_eq(posix_memalign(&room, 64, codes_query_bytes(&x->codes)), 0);
    for (uint32_t i = 0; i < t.of.count; i++) {
        struct codes_query query;
        codes_query_init(&query, &x->codes, dataset_row(&d, t.of.row[i]), room);
        struct hnsw_walk walk = {.graph = graph_of(x),
                                 .query = &query,
                                 .scratch = scratch,
                                 .limit = d.count,
                                 .node_limit = graph_of(x)->nodes,
                                 .hidden = &t.of.row[i]};
        cr_assert_eq(hnsw_search(&walk, 30), 0);
        cr_assert_eq(scratch->pool.count, 30);
        for (uint32_t j = 0; j < 30; j++)
            cr_assert_neq(scratch->pool.cand[j].id, t.of.row[i]);
        walk.hidden = NULL;
        cr_assert_eq(hnsw_search(&walk, 30), 0);
        cr_assert_eq(scratch->pool.cand[0].distance <= scratch->pool.cand[1].distance, true);
    }
    free(room);
    search_scratch_destroy(scratch);
    recall_truth_fini(&t);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* Queries in random directions, while the rows are the output of a network: walks find
 * them with more effort. */
static void apart_init(struct dataset *q, uint32_t dim, uint32_t count, uint64_t seed)
{
    dataset_init(q, DATASET_LATENT, METRIC_L2, dim, count, 1);
    for (uint32_t row = 0; row < count; row++)
        for (uint32_t j = 0; j < dim; j++)
            dataset_row(q, row)[j] = (float)(dataset_random(&seed) >> 40) / (float)(1 << 23) - 1;
}

/* An index with few links, finished after these queries were lent. */
static void opened_init_asked(struct opened *o, const struct dataset *came)
{
    static const struct index_options few_links = {.m = 4, .ef_construct = 20};
    float *vectors = malloc((size_t)came->count * came->dim * sizeof(*vectors));
    cr_assert(vectors);
    for (uint32_t i = 0; i < came->count; i++)
        memcpy(vectors + (size_t)i * came->dim, dataset_row(came, i), came->dim * sizeof(*vectors));
    const struct query_sample sample = {vectors, came->count, came->count};
    sealed_init_asked(&o->s, DATASET_LATENT, METRIC_L2, came->dim, 3000, &few_links, &sample);
    cr_assert_eq(sealed_open(&o->s, false, &o->x), 0);
    segment_index_lend_queries(o->s.x, NULL);
    free(vectors);
}

Test(recall, a_curve_answers_for_queries_that_came_though_rows_are_easier)
{
    const struct search_params p = {.k = 10, .recall = 0.95f};
    struct dataset few, came, others;
    struct opened guessed, asked;
    apart_init(&few, 48, RECALL_QUERIES_MIN - 1, 3); /* too few queries to count */
    apart_init(&came, 48, 32, 3);
    apart_init(&others, 48, 200, 4);
    opened_init_asked(&guessed, &few);
    opened_init_asked(&asked, &came);
    const double without = dataset_recall(&guessed.s.d, guessed.x, &others, &p);
    const double with = dataset_recall(&asked.s.d, asked.x, &others, &p);
    cr_assert_lt(without, 0.92, "%.4f", without);
    cr_assert_geq(with, 0.945, "%.4f", with);
    cr_assert_geq(recall_of(&asked, 0.95f, 10), 0.945, "rows are found as well as before");
    opened_fini(&asked);
    opened_fini(&guessed);
    dataset_fini(&others);
    dataset_fini(&came);
    dataset_fini(&few);
}

Test(recall, more_effort_finds_more_and_in_the_end_everything)
{
    struct dataset others;
    struct opened o;
    double found[4];
    opened_init(&o, DATASET_LATENT, METRIC_L2, 48, 4000, &(struct index_options){.m = 4, .ef_construct = 20});
    apart_init(&others, 48, 100, 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct search_params p = {.k = 10, .recall = 0.9f, .effort = (float[]){0, 1, 4, 64}[i]};
        found[i] = dataset_recall(&o.s.d, o.x, &others, &p);
    }
    cr_assert_eq(found[0], found[1]);
    cr_assert_lt(found[1] + 0.02, found[2], "%f, %f", found[1], found[2]);
    cr_assert_eq(found[3], 1);
    opened_fini(&o);
    dataset_fini(&others);
}

/* Products that differ by half a millionth of themselves. An f32 can tell such
 * a row from the tenth. */
Test(recall, a_row_that_is_hardly_farther_is_not_counted_as_found)
{
    struct dataset d;
    struct recall_truth t;
    dataset_init(&d, DATASET_LATENT, METRIC_IP, 2, 600, 41);
    for (uint32_t row = 0; row < d.count; row++) {
        dataset_row(&d, row)[0] = 1e6f + 0.5f * (float)row;
        dataset_row(&d, row)[1] = 1;
    }
    struct segment_index *x = dataset_index(&d, 8, 40);
    cr_assert_eq(recall_truth_init(&t, x, UINT32_MAX, &d.rows), 0);
    for (uint32_t piece = 0; piece < recall_truth_pieces(&t); piece++)
        cr_assert_eq(recall_truth_scan(&t, piece, &d.rows, NULL), 0);
    for (uint32_t q = 0; q < 8; q++) {
        struct hit hits[12];
        uint32_t count = dataset_nearest(&d, d.count, t.of.vector[q], 12, NULL, hits), kept = 0;
        for (uint32_t i = 0; i < count; i++)
            if (hits[i].row != t.of.row[q])
                hits[kept++] = hits[i];
        cr_assert_eq(recall_truth_hits(&t, q, 10, hits, 10, &d.rows), 10);
        cr_assert_eq(recall_truth_hits(&t, q, 10, hits + 1, 10, &d.rows), 9);
    }
    recall_truth_fini(&t);
    segment_index_destroy(x);
    dataset_fini(&d);
}

static void refuse(struct sealed *s, struct recall_curve *c, const struct recall_curve *bad)
{
    struct segment_index *x;
    const struct recall_curve kept = *c;
    *c = *bad;
    cr_assert_eq(sealed_open(s, false, &x), -EINVAL);
    *c = kept;
}

Test(recall, a_curve_that_is_damaged_is_refused)
{
    struct sealed s;
    struct segment_index *x;
    struct recall_curve *c = NULL;
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 24, 2000, &usual);
    for (unsigned i = 0; i < s.count; i++)
        if (strcmp(s.regions[i].name, "recall") == 0)
            c = s.copy[i];
    cr_assert_not_null(c);
    for (int what = 0; what < 18; what++) {
        struct recall_curve bad = *c;
        struct recall_ladder *l = what % 3 < 2 ? &bad.of[what % 3] : &bad.early;
        struct recall_rung *r = &l->rung[1];
        switch (what / 3) {
        case 0: r->ef = r[-1].ef; break;
        case 1: r->recall = NAN; break;
        case 2: r->floor = r->recall + 0.1f; break;
        case 3: l->count = RECALL_RUNGS_MAX + 1; break;
        case 4: l->k++; break;
        case 5: r->distances = -1; break;
        }
        refuse(&s, c, &bad);
    }
    struct recall_curve bad = *c;
    bad.scan.recall = 1.5f;
    refuse(&s, c, &bad);
    bad = *c;
    bad.scan.ef = 1999;
    refuse(&s, c, &bad);
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    segment_index_destroy(x);
    sealed_fini(&s);
}

/* Some queries find nothing until the beam leads out of a cluster. So an ef close to that of the
 * upper rung is needed. */
Test(recall, between_two_rungs_that_lie_far_apart_the_upper_one_counts)
{
    const struct recall_curve c = {.of = {{10, 64, 2, 0, {{20, 0.85f, 0.8f, 300}, {30, 1, 0.999f, 400}}}}};
    const struct recall_sizes sizes = {.rows = 10000000, .distinct = 10000000, .code_bytes = 128, .vector_bytes = 512};
    const struct recall_effort effort = recall_curve_effort(&c, &sizes, 0.98f, 10, true);
    cr_assert(effort.way == RECALL_WALK && effort.ef >= 28, "%u", effort.ef);
}

/* Both ladders reach .98. The second has fewer distances there, but only for k up to 10, and
 * only where most rows are allowed. */
Test(recall, the_cheaper_of_the_two_ladders_is_taken)
{
    const struct recall_curve c = {.of = {{10, 64, 2, 0, {{20, 0.9f, 0.9f, 300}, {60, 1, 0.999f, 900}}}, {.k = 100}},
                                   .early = {10, 64, 2, 0, {{24, 0.9f, 0.9f, 300}, {90, 1, 0.999f, 700}}}};
    const struct recall_sizes sizes = {.rows = 10000000, .distinct = 10000000, .code_bytes = 128, .vector_bytes = 512};
    cr_assert_null(recall_curve_check(&c, sizes.rows));
    const struct recall_effort early = recall_curve_effort(&c, &sizes, 0.98f, 5, true),
                               whole = recall_curve_effort(&c, &sizes, 0.98f, 5, false),
                               equal = recall_curve_effort(&c, &sizes, 0.9f, 10, true),
                               more = recall_curve_effort(&c, &sizes, 0.98f, 11, true);
    cr_assert(early.ends_early && early.ef > 70, "%u", early.ef);
    cr_assert(!whole.ends_early && whole.ef < 60, "%u", whole.ef);
    cr_assert(!equal.ends_early && equal.ef == 20, "%u", equal.ef);
    cr_assert(!more.ends_early && more.ef > 50, "%u", more.ef);
}

/* k 100 needed four times as many candidates as hits; so does k 1000. */
Test(recall, beyond_what_was_measured_effort_grows_with_k)
{
    const struct recall_curve c = {.of = {{10, 64, 2, 0, {{10, 0.9f, 0.9f, 300}, {100, 0.99f, 0.99f, 900}}},
                                          {100, 64, 2, 0, {{100, 0.9f, 0.9f, 900}, {400, 0.99f, 0.99f, 2000}}}},
                                   .early = {.k = 10}};
    const struct recall_sizes sizes = {.rows = 10000000, .distinct = 10000000, .code_bytes = 128, .vector_bytes = 512};
    cr_assert_null(recall_curve_check(&c, sizes.rows));
    const struct recall_effort hundred = recall_curve_effort(&c, &sizes, 0.99f, 100, true),
                               thousand = recall_curve_effort(&c, &sizes, 0.99f, 1000, true);
    cr_assert(hundred.way == RECALL_WALK && hundred.ef == 400, "%u", hundred.ef);
    cr_assert(thousand.way == RECALL_WALK && thousand.ef == 4000, "%u", thousand.ef);
}
