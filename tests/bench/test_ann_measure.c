/* Tests measuring, with an engine of this file whose recall follows from ef: which settings are
 * tried, which points are kept, and that concurrent queries each get their own answer. No test
 * depends on how long anything takes. */
#include "ann/ann.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    50
#define QUERIES 20
#define K       10

/* Rows and queries are whole numbers on a line; query q equals row q. */
static struct dataset line_make(void)
{
    struct dataset d = {.metric = METRIC_L2, .dim = 1, .count = ROWS, .query_count = QUERIES, .truth_k = K};
    d.base = malloc(ROWS * sizeof(float));
    d.queries = malloc(QUERIES * sizeof(float));
    for (int i = 0; i < ROWS; i++)
        d.base[i] = (float)i;
    for (int i = 0; i < QUERIES; i++)
        d.queries[i] = (float)i + 0.25f;
    struct error e;
    cr_assert_eq(dataset_find_truth(&d, &e), 0);
    return d;
}

struct fake {
    unsigned under_way, most_under_way, searches;
    double refine_k_seen;
};

static int fake_search(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows)
{
    struct fake *f = index;
    f->searches++;
    f->refine_k_seen = s->refine_k;
    f->under_way++;
    f->most_under_way = f->under_way > f->most_under_way ? f->under_way : f->most_under_way;
    if (s->overlap)
        s->overlap(s->arg);
    /* ef 20 finds half of the ten nearest, ef 40 all of them. */
    uint32_t found = s->ef >= 40 ? K : s->ef / 4, first = *query < 5 ? 0 : (uint32_t)(*query - 4);
    for (uint32_t i = 0; i < found; i++)
        ret_rows[i] = first + i;
    f->under_way--;
    return (int)found;
}

static unsigned fake_refine_ks(const void *index, double ret[4])
{
    ret[0] = 1.5;
    ret[1] = 4;
    return 2;
}

static const struct peer fake_peer = {
    .name = "fake", .overlaps = true, .search = fake_search, .refine_ks = fake_refine_ks};

static struct ann_options options_make(void)
{
    return (struct ann_options){.ef = {20, 36, 40, 64},
                                .ef_count = 4,
                                .interleave = {3},
                                .interleave_count = 1,
                                .k = K,
                                .rounds = 3,
                                .recall_enough = 0.999};
}

Test(ann_measure, the_survey_stops_when_the_recall_is_enough_and_leaves_out_what_is_too_low)
{
    struct dataset d = line_make();
    struct ann_options o = options_make();
    struct fake fake = {0};
    struct ann_engine x = {.peer = &fake_peer, .index = &fake};
    static struct result_engine out;
    cr_assert_eq(ann_survey(&o, &d, &x, &out), 0);
    cr_assert_gt(out.point_count, 0);
    bool alone = false, at_once = false;
    for (unsigned i = 0; i < out.point_count; i++) {
        cr_assert_neq(out.points[i].ef, 20, "a point with recall 0.5 must not be kept");
        cr_assert_neq(out.points[i].ef, 64, "40 is enough");
        cr_assert(i == 0 || out.points[i].recall >= out.points[i - 1].recall);
        alone = alone || (out.points[i].interleave == 1 && out.points[i].recall > 0.99);
        at_once = at_once || out.points[i].interleave == 3;
    }
    cr_assert(alone && at_once);
    free(out.points);
    dataset_fini(&d);
}

Test(ann_measure, a_factor_that_scores_all_candidates_is_not_tried_twice)
{
    struct dataset d = line_make();
    struct ann_options o = options_make();
    o.refine_count = 2; /* both score all that ef 36 leaves */
    o.refine_k[0] = 10;
    o.refine_k[1] = 20;
    struct fake fake = {0};
    struct ann_engine x = {.peer = &fake_peer, .index = &fake};
    static struct result_engine out;
    cr_assert_eq(ann_survey(&o, &d, &x, &out), 0);
    cr_assert_eq(fake.refine_k_seen, 10);
    free(out.points);
    dataset_fini(&d);
}

Test(ann_measure, all_rounds_are_run_and_recall_is_that_of_all_queries)
{
    struct dataset d = line_make();
    struct ann_options o = options_make();
    struct fake fake = {0};
    struct ann_engine x = {.peer = &fake_peer, .index = &fake};
    static struct result r = {.engine_count = 1};
    cr_assert_eq(ann_survey(&o, &d, &x, &r.engines[0]), 0);
    cr_assert_eq(ann_measure(&o, &d, &x, &r), 0);
    const struct result_point *best = result_best(&r.engines[0], 0.99, 1);
    cr_assert(best && best->ef == 40 && best->recall == 1);
    cr_assert(best->qps_low <= best->qps && best->qps <= best->qps_high && best->p50_us <= best->p99_us);
    best = result_best(&r.engines[0], 0.89, 1);
    cr_assert(best && best->recall >= 0.89);
    result_fini(&r);
    dataset_fini(&d);
}

/* Measures three rounds with so many lines on standard input. Returns what measuring returns. */
static int throttled_measure(unsigned lines)
{
    struct dataset d = line_make();
    struct ann_options o = options_make();
    struct fake fake = {0};
    struct ann_engine x = {.peer = &fake_peer, .index = &fake};
    static struct result r = {.engine_count = 1};
    o.paced = true;
    cr_redirect_stdin();
    cr_redirect_stdout();
    FILE *in = cr_get_redirected_stdin();
    while (lines-- > 0)
        fputs("\n", in);
    fclose(in);
    cr_assert_eq(ann_survey(&o, &d, &x, &r.engines[0]), 0);
    int rc = ann_measure(&o, &d, &x, &r);
    result_fini(&r);
    dataset_fini(&d);
    return rc;
}

Test(ann_measure, a_round_waits_for_a_line_where_rounds_are_paced)
{
    cr_assert_eq(throttled_measure(3), 0);
    fflush(stdout);
    cr_assert_stdout_eq_str("ready\nready\nready\n");
}

Test(ann_measure, rounds_end_where_nobody_paces_them_any_more)
{
    cr_assert_eq(throttled_measure(2), -EPIPE);
}

Test(ann_measure, queries_under_way_at_once_get_each_its_own_answer)
{
    struct dataset d = line_make();
    struct ann_options o = options_make();
    struct fake fake = {0};
    struct ann_engine x = {.peer = &fake_peer, .index = &fake};
    struct ann_pass pass;
    struct result_point how = {.ef = 40, .interleave = 3};
    double qps;
    cr_assert_eq(ann_pass_init(&pass, &o, &d), 0);
    cr_assert_eq(ann_lanes_run(&pass, &x, &d, &how, K, &qps), 0);
    cr_assert_eq(fake.most_under_way, 3);
    cr_assert_eq(fake.searches, QUERIES);
    cr_assert_eq(fake.under_way, 0);
    cr_assert_eq(ann_pass_recall(&pass, &d, K), 1);
    ann_pass_fini(&pass);
    dataset_fini(&d);
}
