/* Tests the verdicts over two results. A difference must exceed the spread of the rounds and the
 * threshold. Speeds are divided by those of an engine that both results have. */
#include "compare.h"

#include <criterion/criterion.h>
#include <string.h>

/* A result with one point for each engine: its speed, and the middle half of its rounds. */
struct speeds {
    double kith, spread, hnswlib;
};

static struct result_point points[4][2];
static struct result made[2];

static struct result *result_make(unsigned which, struct speeds s)
{
    struct result *r = &made[which];
    *r = (struct result){.data = "set", .engine_count = s.hnswlib > 0 ? 2 : 1};
    strcpy(r->engines[0].name, "kith");
    strcpy(r->engines[1].name, "hnswlib");
    double speeds[2] = {s.kith, s.hnswlib};
    for (int i = 0; i < 2; i++) {
        struct result_point *p = &points[2 * which + (unsigned)i][0];
        *p = (struct result_point){.interleave = 1,
                                   .recall = 0.96,
                                   .qps = speeds[i],
                                   .qps_low = speeds[i] * (1 - s.spread),
                                   .qps_high = speeds[i] * (1 + s.spread)};
        r->engines[i].points = p;
        r->engines[i].point_count = 1;
    }
    return r;
}

static enum compare_verdict verdict(struct speeds old, struct speeds now, const char *relative, double *ratio)
{
    struct compare_options o = {.threshold = 0.05, .relative = relative};
    return compare_points(&o, result_make(0, old), result_make(1, now), "kith", 0.95, ratio);
}

Test(compare, slower_beyond_threshold_and_spread_is_a_regression)
{
    double ratio;
    cr_assert_eq(verdict((struct speeds){1000, 0.02, 0}, (struct speeds){800, 0.02, 0}, NULL, &ratio), COMPARE_SLOWER);
    cr_assert_float_eq(ratio, 0.8, 1e-9);
    cr_assert_eq(verdict((struct speeds){1000, 0.02, 0}, (struct speeds){1200, 0.02, 0}, NULL, &ratio), COMPARE_FASTER);
    cr_assert_eq(verdict((struct speeds){1000, 0, 0}, (struct speeds){960, 0, 0}, NULL, &ratio), COMPARE_SAME,
                 "4 % is less than the threshold");
    cr_assert_eq(verdict((struct speeds){1000, 0.15, 0}, (struct speeds){800, 0.15, 0}, NULL, &ratio), COMPARE_SAME,
                 "overlapping rounds must give no verdict");
}

Test(compare, a_slower_machine_is_no_regression_when_another_engine_tells)
{
    double ratio;
    cr_assert_eq(verdict((struct speeds){1000, 0.01, 200}, (struct speeds){500, 0.01, 100}, "hnswlib", &ratio),
                 COMPARE_SAME);
    cr_assert_float_eq(ratio, 1, 1e-9);
    cr_assert_eq(verdict((struct speeds){1000, 0.01, 200}, (struct speeds){1000, 0.01, 300}, "hnswlib", &ratio),
                 COMPARE_SLOWER, "on a faster machine an equal speed is slower");
    cr_assert_eq(verdict((struct speeds){1000, 0.01, 200}, (struct speeds){500, 0.01, 0}, "hnswlib", &ratio),
                 COMPARE_SLOWER, "an engine that only one file has must be ignored");
}

Test(compare, a_recall_that_is_not_reached_any_more_is_lost)
{
    struct compare_options o = {.threshold = 0.05};
    struct result *old = result_make(0, (struct speeds){1000, 0, 0}),
                  *now = result_make(1, (struct speeds){1000, 0, 0});
    double ratio;
    now->engines[0].points[0].recall = 0.94;
    cr_assert_eq(compare_points(&o, old, now, "kith", 0.95, &ratio), COMPARE_LOST);
    cr_assert_eq(compare_points(&o, now, old, "kith", 0.95, &ratio), COMPARE_GAINED);
    cr_assert_eq(compare_points(&o, old, now, "kith", 0.999, &ratio), COMPARE_SAME);
}

Test(compare, regressions_are_counted_and_written)
{
    struct compare_options o = {.threshold = 0.05};
    struct results old = {.list = result_make(0, (struct speeds){1000, 0.01, 0}), .count = 1};
    struct results now = {.list = result_make(1, (struct speeds){700, 0.01, 0}), .count = 1};
    char text[2048] = "";
    FILE *f = fmemopen(text, sizeof(text), "w");
    unsigned compared;
    cr_assert_eq(compare_results(&o, &old, &now, f, &compared), 2, "at .90 and at .95");
    fclose(f);
    cr_assert_eq(compared, 2);
    cr_assert(strstr(text, "0.700  SLOWER"), "%s", text);
    strcpy(now.list[0].data, "another");
    f = fmemopen(text, sizeof(text), "w");
    cr_assert_eq(compare_results(&o, &old, &now, f, &compared), 0);
    fclose(f);
    cr_assert_eq(compared, 0, "results without common data must not be compared");
}
