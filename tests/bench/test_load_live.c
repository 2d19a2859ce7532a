/* Tests which points a search must find while points are written and deleted. The rows are at 0, 1,
 * 2 ... on a line, the query is at 0. */
#include "load/load_live.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define ROWS 8
#define K    3

static float base[ROWS], query[1];
static uint32_t truth[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
static struct dataset line = {.metric = METRIC_L2,
                              .dim = 1,
                              .count = ROWS,
                              .query_count = 1,
                              .truth_k = ROWS,
                              .base = base,
                              .queries = query,
                              .truth = truth};
static struct live live;

static void live_make(void)
{
    for (int i = 0; i < ROWS; i++)
        base[i] = (float)i;
    cr_assert_eq(live_init(&live, &line, K), 0);
}

static void live_end(void)
{
    live_fini(&live);
}

TestSuite(load_live, .init = live_make, .fini = live_end);

static struct live_score judge(uint64_t sent_ns, uint64_t a, uint64_t b, uint64_t c)
{
    return live_judge(&live, 0, live_bound(&live, 0), sent_ns, (uint64_t[]){a, b, c}, 3);
}

Test(load_live, a_point_is_owed_from_its_acknowledgement_until_its_deletion_begins)
{
    cr_assert_float_eq(live_bound(&live, 0), 4, 1e-3);
    live_writing(&live, ROWS + 0); /* a twin of the nearest */
    cr_assert_float_eq(live_bound(&live, 0), 4, 1e-3);
    live_written(&live, ROWS + 0);
    cr_assert_float_eq(live_bound(&live, 0), 1, 1e-3);
    live_deleting(&live, 1);
    cr_assert_float_eq(live_bound(&live, 0), 4, 1e-3);
    live_deleted(&live, 1, 10);
    cr_assert_float_eq(live_bound(&live, 0), 4, 1e-3);
    cr_assert_eq(live.there, ROWS);
}

Test(load_live, what_is_written_again_is_owed_all_the_time)
{
    live_writing(&live, 2);
    cr_assert(live_is_there(&live, 2));
    cr_assert_float_eq(live_bound(&live, 0), 4, 1e-3);
    live_written(&live, 2);
    cr_assert_eq(live.there, ROWS);
}

Test(load_live, a_hit_counts_once_and_when_it_is_near_enough)
{
    cr_assert_eq(judge(1, 0, 1, 2).found, 3);
    cr_assert_eq(judge(1, 0, 1, 3).found, 2);
    cr_assert_eq(judge(1, 0, 0, 0).found, 1);
    cr_assert_eq(judge(1, 0, 1, UINT64_MAX).found, 2);
    cr_assert_eq(judge(1, 0, 1, ROWS + 2).found, 3, "a twin that is being written may be found");
    cr_assert_eq(judge(1, 0, 1, ROWS + 3).found, 2);
}

Test(load_live, a_hit_that_was_deleted_before_the_search_left_is_a_ghost)
{
    live_deleting(&live, 1);
    cr_assert_eq(judge(100, 0, 1, 2).ghosts, 0, "a point whose delete is under way is no ghost");
    live_deleted(&live, 1, 50);
    struct live_score score = judge(100, 0, 1, 2);
    cr_assert(score.ghosts == 1 && score.found == 2);
    score = judge(49, 0, 1, 2);
    cr_assert(score.ghosts == 0 && score.found == 3);
}

Test(load_live, where_the_truth_is_too_short_recall_is_not_told)
{
    for (uint64_t p = 0; p < ROWS - K + 1; p++)
        live_deleting(&live, p);
    cr_assert(isnan(live_bound(&live, 0)));
}

/* A row as near as the last true neighbour is right, although the truth does not list it. */
Test(load_live, a_row_as_near_as_the_last_of_the_truth_counts)
{
    line.truth_k = K;
    base[7] = -2;
    live_fini(&live);
    cr_assert_eq(live_init(&live, &line, K), 0);
    cr_assert_eq(judge(1, 0, 1, 7).found, 3);
    cr_assert_eq(judge(1, 0, 1, 3).found, 2);
}

Test(load_live, new_points_are_twins_until_there_are_none_left)
{
    struct random r = {1};
    for (int i = 0; i < ROWS; i++) {
        uint64_t p = live_new_point(&live, &r);
        cr_assert(p >= ROWS && p < 2 * ROWS && !live_is_there(&live, p));
        live_writing(&live, p);
        live_written(&live, p);
    }
    cr_assert_eq(live.there, 2 * ROWS);
    cr_assert_lt(live_new_point(&live, &r), ROWS);
    for (uint64_t p = 0; p < ROWS - 1; p++)
        live_deleting(&live, p);
    cr_assert_eq(live_old_point(&live, &r), ROWS - 1);
}
