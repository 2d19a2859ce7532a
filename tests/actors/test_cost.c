/* test_cost.c -- a measured cost is expected next; an unmeasured one is derived from the
 * nearest measured one. */
#include "actors/admission/cost.h"
#include "actors/router/needs.h"

#include <criterion/criterion.h>

static uint64_t plain(const struct cost_model *m, uint32_t k, uint32_t ef)
{
    return cost_of_query(m, &(struct cost_query){.k = k, .ef = ef});
}

static void learn_plain(struct cost_model *m, uint32_t ef, uint64_t ns)
{
    cost_learn_query(m, &(struct cost_query){.k = 10, .ef = ef}, ns);
}

Test(cost, a_search_is_expected_to_cost_what_those_before_it_did)
{
    struct cost_model m = {0};
    const struct cost_query first = {.k = 10, .ef = 100, .said_ns = 50000};
    cr_assert(cost_wants_indexes(&m, &first));
    cr_assert_eq(cost_of_query(&m, &first), 50001, "before any it costs what the indexes say");
    for (int i = 0; i < 100; i++)
        learn_plain(&m, 100, 70000 + (i % 2) * 10000);
    cr_assert_not(cost_wants_indexes(&m, &first));
    uint64_t ns = plain(&m, 10, 100);
    cr_assert(ns > 70000 && ns < 80000, "%lu", ns);
    cr_assert_eq(plain(&m, 10, 400), 4 * ns, "in proportion to the beam");
    cr_assert_eq(plain(&m, 10, 25), ns / 4 + 1);
    cr_assert_eq(plain(&m, 400, 10), 4 * ns, "k makes it as wide");
    learn_plain(&m, 400, 120000);
    cr_assert_eq(plain(&m, 10, 500), 120000, "what was measured itself goes before");
}

/* Each of them by what the indexes say of it, and by how far that was from what others took. */
Test(cost, exact_and_filtered_searches_are_apart_from_walks_and_from_each_other)
{
    struct cost_model m = {0};
    const struct cost_query exact = {.exact = true, .k = 10, .said_ns = 16000000},
                            light = {.filtered = true, .k = 10, .said_ns = 20000},
                            heavy = {.filtered = true, .k = 10, .said_ns = 9000000};
    learn_plain(&m, 0, 70000);
    cr_assert(cost_wants_indexes(&m, &exact) && cost_wants_indexes(&m, &heavy));
    cr_assert_eq(cost_of_query(&m, &exact), 16000001);
    cr_assert_eq(cost_of_query(&m, &heavy), 9000001);
    cost_learn_query(&m, &exact, 32000000);
    cr_assert_eq(cost_of_query(&m, &exact), 32000001);
    cr_assert_eq(cost_of_query(&m, &heavy), 9000001, "an exact search says nothing of it");
    for (int i = 0; i < 100; i++)
        cost_learn_query(&m, &light, 30000);
    cr_assert_float_eq((double)cost_of_query(&m, &heavy), 13500001, 10, "a light one says something");
    cost_learn_query(&m, &light, 1000000000);
    cr_assert_lt(cost_of_query(&m, &light), 60000, "one that stands out moves the mean little");
    cr_assert_eq(plain(&m, 10, 0), 70000);
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
