/* test_cost.c -- a measured cost is expected next; an unmeasured one is derived from the
 * nearest measured one. */
#include "actors/admission/cost.h"
#include "actors/router/needs.h"

#include <criterion/criterion.h>

Test(cost, a_search_is_expected_to_cost_what_those_before_it_did)
{
    struct cost_model m = {0};
    cr_assert_gt(cost_of_query(&m, false, 10, 0, 0, 128), 0, "before any");
    for (int i = 0; i < 100; i++)
        cost_learn_query(&m, false, 10, 100, 70000 + (i % 2) * 10000);
    uint64_t ns = cost_of_query(&m, false, 10, 100, 0, 128);
    cr_assert(ns > 70000 && ns < 80000, "%lu", ns);
    cr_assert_eq(cost_of_query(&m, false, 10, 400, 0, 128), 4 * ns, "in proportion to the beam");
    cr_assert_eq(cost_of_query(&m, false, 10, 25, 0, 128), ns / 4 + 1);
    cr_assert_eq(cost_of_query(&m, false, 400, 10, 0, 128), 4 * ns, "k makes it as wide");
    cost_learn_query(&m, false, 10, 400, 120000);
    cr_assert_eq(cost_of_query(&m, false, 10, 500, 0, 128), 120000, "what was measured itself goes before");
}

Test(cost, scans_are_apart_from_walks)
{
    struct cost_model m = {0};
    cost_learn_query(&m, false, 10, 0, 70000);
    cr_assert_gt(cost_of_query(&m, true, 10, 0, 1000000, 128), 1000000, "a million rows take more than a millisecond");
    cost_learn_query(&m, true, 10, 0, 9000000);
    cr_assert_eq(cost_of_query(&m, true, 500, 0, 0, 0), 9000000);
    cr_assert_eq(cost_of_query(&m, false, 10, 0, 0, 0), 70000);
}

Test(cost, one_that_stands_out_moves_the_mean_little)
{
    uint64_t mean = 0;
    for (int i = 0; i < 20; i++)
        cost_learn(&mean, 1000);
    cost_learn(&mean, 1000000000);
    cr_assert_lt(mean, 2000);
    for (int i = 0; i < 100; i++)
        cost_learn(&mean, 50000);
    cr_assert_gt(mean, 40000, "but what stays is believed");
    cost_learn(&mean, 0);
    mean = 0;
    cost_learn(&mean, 0);
    cr_assert_gt(mean, 0, "0 would say that nothing is known");
}

Test(needs, more_is_never_said_to_need_less)
{
    const struct selection nothing = {0}, vectors = {.vectors = true}, payloads = {.payloads = true};
    uint64_t plain = needs_of_search(2, 100, 10, 512, nothing);
    cr_assert_gt(plain, 100 * 10 * 24);
    cr_assert_gt(needs_of_search(3, 100, 10, 512, nothing), plain);
    cr_assert_geq(needs_of_search(2, 100, 10, 512, vectors), plain + 2 * 100 * 10 * 512);
    cr_assert_gt(needs_of_search(2, 100, 10, 512, payloads), plain);
    cr_assert_eq(needs_of_upsert(1, 1000, false), 0, "one core takes the rows from the frame");
    cr_assert_gt(needs_of_upsert(2, 1000, false), 0, "several cores need to know whose row is whose");
    cr_assert_geq(needs_of_delete(1000), 16000);
}
