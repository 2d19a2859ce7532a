/* test_load.c -- what reactors know of each other's load, and tuning while they run. */
#include "reactor/reactor.h"
#include "world.h"

TestSuite(load, .timeout = 30);

static void spin_for(uint64_t ns)
{
    uint64_t end = clock_now_ns() + ns;
    while (clock_now_ns() < end)
        fiber_checkpoint();
}

static void spin_60_ms(void *arg)
{
    spin_for(MILLIS(60));
    *(bool *)arg = true;
}

/* Busy, then asleep: seen by itself. A machine that runs others in between takes
 * longer to show either. */
static void load_rises_and_falls(void *arg)
{
    while (runtime_load(0) <= 900)
        spin_for(MILLIS(1));
    want(runtime_load(0) <= 1000);
    while (runtime_load(0) >= 100)
        fiber_sleep_ns(MILLIS(20));
}

EVERYWHERE(load, rises_with_urgent_work_and_falls_in_sleep)
{
    world_run_well(backend, 1, load_rises_and_falls, NULL);
}

static void spin_until_told(void *arg)
{
    while (!*(bool *)arg)
        fiber_checkpoint();
}

static void background_is_no_load(void *arg)
{
    static bool over; /* for longer than this fiber lives */
    while (runtime_load(0) <= 900)
        spin_for(MILLIS(1));
    want_eq(fiber_start(CLASS_BACKGROUND, spin_until_told, &over, "background"), 0);
    while (runtime_load(0) >= 100)
        fiber_sleep_ns(MILLIS(5));
    over = true;
}

EVERYWHERE(load, background_work_does_not_count)
{
    world_run_well(backend, 1, background_is_no_load, NULL);
}

/* Reactor 0 sleeps between its looks at reactor 1, which is busy, then sleeps and
 * publishes nothing any more. */
static _Atomic bool looked;

static void look_at_the_other(void *arg)
{
    if (reactor_id() == 1) {
        while (!looked)
            spin_for(MILLIS(1));
        return; /* and it sleeps until the end of all */
    }
    while (runtime_load(1) < 900)
        fiber_sleep_ns(MILLIS(1));
    looked = true;
    while (runtime_load(1) > 0)
        fiber_sleep_ns(MILLIS(1));
}

EVERYWHERE(load, of_another_reactor_fades_while_it_sleeps)
{
    looked = false;
    world_run_well(backend, 2, look_at_the_other, NULL);
}

static void tune(void *arg)
{
    struct reactor *r = reactor_here();
    uint64_t slice_ns = r->slice_ns;
    want_eq(reactor_tune(&(struct reactor_tuning){0}), 0);
    want_eq(r->slice_ns, slice_ns);
    want_eq(r->floor_percent[CLASS_WRITE], 25);
    want_eq(r->floor_percent[CLASS_BACKGROUND], 10);
    static const struct reactor_tuning impossible[] = {{.slice_us = 49},
                                                       {.slice_us = 10001},
                                                       {.write_percent = 81},
                                                       {.background_percent = 81},
                                                       {.write_percent = 50, .background_percent = 50},
                                                       /* and 25 as it is */
                                                       {.background_percent = 70}};
    for (unsigned i = 0; i < ARRAY_LEN(impossible); i++)
        want_eq(reactor_tune(&impossible[i]), -EINVAL);
    want_eq(r->slice_ns, slice_ns);
    want_eq(reactor_tune(&(struct reactor_tuning){.slice_us = 200, .background_percent = 40}), 0);
    want_eq(r->slice_ns, 200000);
    want_eq(r->floor_percent[CLASS_WRITE], 25);
    want_eq(r->floor_percent[CLASS_BACKGROUND], 40);
}

Test(load, tuning_is_checked_and_leaves_what_is_0)
{
    world_run_well(BACKEND_SIM, 1, tune, NULL);
}

/* Two who always want the core, until background has run for 20 ms: what was its share? */
static void share_of_background(void *arg)
{
    unsigned *ret_percent = arg;
    struct reactor_stats before, after;
    bool over = false;
    want_eq(reactor_tune(&(struct reactor_tuning){.background_percent = 40}), 0);
    reactor_stats_read(&before);
    want_eq(fiber_start(CLASS_BACKGROUND, spin_60_ms, &over, "background"), 0);
    while (!over)
        spin_for(MILLIS(1));
    reactor_stats_read(&after);
    uint64_t background = after.class_ns[CLASS_BACKGROUND] - before.class_ns[CLASS_BACKGROUND];
    uint64_t interactive = after.class_ns[CLASS_INTERACTIVE] - before.class_ns[CLASS_INTERACTIVE];
    *ret_percent = (unsigned)(background * 100 / (background + interactive));
}

/* Where time is virtual, the share can be held to its figure. */
Test(load, a_tuned_floor_share_is_given)
{
    unsigned percent = 0;
    world_run_well(BACKEND_SIM, 1, share_of_background, &percent);
    cr_assert(percent >= 30 && percent <= 50, "40 %% was asked for, %u %% given", percent);
}
