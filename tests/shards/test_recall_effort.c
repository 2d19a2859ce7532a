/* Tests the effort of searches: it rises until they reach the recall that they ask for, stays
 * there, and falls again. */
#include "shards/background/recall_effort.h"

#include <criterion/criterion.h>
#include <math.h>

static uint64_t state;

static double random_unit(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

/* A search for ten neighbours that misses each with the probability `miss`. */
static float search(double miss)
{
    int found = 0;
    for (int i = 0; i < 10; i++)
        found += random_unit() >= miss;
    return (float)found / 10;
}

static double run(struct recall_effort_watch *w, double miss, int searches)
{
    double found = 0;
    for (int i = 0; i < searches; i++) {
        const float got = search(miss / recall_effort(w));
        found += got;
        recall_effort_note(w, 0.98f, got);
    }
    return found / searches;
}

Test(recall_effort, rises_until_searches_find_what_they_ask_for)
{
    struct recall_effort_watch w = {0};
    cr_assert_eq(recall_effort(&w), 1);
    const double at_first = run(&w, 0.2, 200);
    cr_assert_lt(at_first, 0.97, "%f", at_first);
    run(&w, 0.2, 2000);
    const double then = run(&w, 0.2, 2000);
    cr_assert_geq(then, 0.978, "%f with effort %f", then, (double)recall_effort(&w));
    cr_assert_leq(recall_effort(&w), 40, "%f", (double)recall_effort(&w));
}

Test(recall_effort, stays_where_enough_is_found)
{
    struct recall_effort_watch w = {0};
    run(&w, 0.015, 20000);
    cr_assert_leq(recall_effort(&w), 1.5, "%f", (double)recall_effort(&w));
}

/* So it is after a segment was rewritten and its curve was measured with these queries. */
Test(recall_effort, falls_where_hardly_anything_is_missed)
{
    struct recall_effort_watch w = {0};
    run(&w, 0.2, 4000);
    cr_assert_gt(recall_effort(&w), 4);
    run(&w, 0.001, 4000);
    cr_assert_eq(recall_effort(&w), 1);
}

Test(recall_effort, has_a_bound_and_few_samples_say_nothing)
{
    struct recall_effort_watch w = {0};
    for (int i = 0; i < RECALL_EFFORT_SAMPLES - 1; i++) {
        cr_assert(recall_effort_is_unknown(&w));
        cr_assert_not(recall_effort_note(&w, 0.98f, 0));
    }
    for (int i = 0; i < 10000; i++)
        recall_effort_note(&w, 0.98f, 0);
    cr_assert_eq(recall_effort(&w), RECALL_EFFORT_MAX);
    cr_assert_lt(w.steps, 20);
}
