/* test_fan_out.c -- the fan-out of searches, for loads that this file makes up. */
#include "actors/core.h"

#include "../reactor/world.h"

#define MS 1000000ull

static unsigned loads[8], asked;

static unsigned made_up(unsigned reactor)
{
    asked++;
    return loads[reactor];
}

/* Looks at the loads a millisecond after the last look. */
static bool look(struct fan_out_view *v, unsigned reactors)
{
    return fan_out_look(v, v->looked_ns + MS, 1, reactors, made_up);
}

Test(fan_out, others_with_time_are_asked_until_they_are_clearly_busy)
{
    struct fan_out_view v = {0};
    for (unsigned i = 0; i < 3; i++) {
        loads[0] = 399;
        cr_assert(look(&v, 2));
        loads[0] = 600; /* some of the load is fan-out itself */
        cr_assert(look(&v, 2));
        loads[0] = 601;
        cr_assert(!look(&v, 2));
        loads[0] = 400; /* the load is lower, because searches do not fan out now */
        cr_assert(!look(&v, 2));
    }
}

Test(fan_out, the_own_load_does_not_matter)
{
    struct fan_out_view v = {0};
    loads[1] = 1000;
    cr_assert(look(&v, 2));
    cr_assert_eq(asked, 1);
}

Test(fan_out, one_core_that_is_full_keeps_a_search_from_waiting_for_it)
{
    struct fan_out_view v = {0};
    loads[6] = 700; /* mean of seven other cores: 100 */
    cr_assert(!look(&v, 8));
    loads[6] = 699;
    cr_assert(look(&v, 8));
    loads[6] = 900;
    cr_assert(look(&v, 8));
    loads[6] = 901;
    cr_assert(!look(&v, 8));
}

Test(fan_out, the_others_are_looked_at_once_a_millisecond)
{
    struct fan_out_view v = {0};
    uint64_t now = 5 * MS;
    cr_assert(fan_out_look(&v, now, 0, 4, made_up));
    cr_assert_eq(asked, 3);
    loads[1] = loads[2] = loads[3] = 1000;
    for (unsigned i = 0; i < 1000; i++)
        cr_assert(fan_out_look(&v, now + i * 999, 0, 4, made_up));
    cr_assert_eq(asked, 3);
    cr_assert(!fan_out_look(&v, now + MS, 0, 4, made_up));
    cr_assert_eq(asked, 6);
}

/* A core that has just looked at the loads. */
static struct core *core_of(unsigned reactors, bool idle)
{
    static struct core c;
    c = (struct core){.reactors = reactors, .others = {.looked_ns = clock_now_ns(), .idle = idle}};
    return &c;
}

static void worth_a_message(void *arg)
{
    want(!fan_out_wide(core_of(2, true), 0, 2));
    want(!fan_out_wide(core_of(2, true), 80000, 2));
    want(fan_out_wide(core_of(2, true), 80002, 2));
    want(!fan_out_wide(core_of(2, false), 80002, 2));
    want(!fan_out_wide(core_of(8, true), 45000, 8));
    want(fan_out_wide(core_of(8, true), 46000, 8));
    want(!fan_out_wide(core_of(8, true), 46000, 2)); /* only two of the cores have rows of it */
    want(!fan_out_wide(core_of(8, true), SECONDS(1), 1));
    want(!fan_out_wide(core_of(1, true), SECONDS(1), 1));
}

Test(fan_out, a_search_fans_out_only_when_it_is_worth_a_message)
{
    world_run_well(BACKEND_SIM, 1, worth_a_message, NULL);
}

static void who_asks(void *arg)
{
    struct core *c = core_of(2, false);
    want(fan_out_choose(c, FAN_OUT_ALL, 0, 2));
    want(!fan_out_choose(c, FAN_OUT_ONE, UINT64_MAX, 2));
    want(!fan_out_choose(c, FAN_OUT_AUTO, 500000, 2));
    want(!fan_out_choose(c, FAN_OUT_UNSAID, 500000, 2));
    c->others.idle = true;
    want(fan_out_choose(c, FAN_OUT_AUTO, 500000, 2));
    want_eq(c->metrics.searches_wide, 2);
    want_eq(c->metrics.searches_narrow, 3);
    c = core_of(1, true);
    want(!fan_out_choose(c, FAN_OUT_ALL, 500000, 2));
    want_eq(c->metrics.searches_wide + c->metrics.searches_narrow, 0);
}

Test(fan_out, who_asks_for_a_way_gets_it_and_all_are_counted)
{
    world_run_well(BACKEND_SIM, 1, who_asks, NULL);
}
