/* test_timer.c -- timers never fire early, fire in order, and not after they were cancelled. In the
 * simulator, where a second costs nothing, hundreds of random ones are compared with a sorted
 * list. */
#include "reactor/timer.h"
#include "world.h"
#include <stdlib.h>

TestSuite(timer, .timeout = 30);

#define TIMERS_MAX 400
#define TICK_NS    65536u /* two timers of one tick of the wheel may fire in any order */

struct watch;

struct one {
    struct timer timer;
    struct watch *watch;
    uint64_t fired_ns;
    unsigned fired;
    bool cancelled;
};

struct watch {
    struct one timers[TIMERS_MAX];
    unsigned order[TIMERS_MAX], fired;
    uint64_t latest_ns;
};

static void fire(void *arg)
{
    struct one *o = arg;
    struct watch *w = o->watch;
    o->fired_ns = clock_now_ns();
    o->fired++;
    if (w->fired < TIMERS_MAX)
        w->order[w->fired] = (unsigned)(o - w->timers);
    w->fired++;
}

static void start_one(struct watch *w, unsigned i, uint64_t at_ns)
{
    w->timers[i].watch = w;
    timer_start(&w->timers[i].timer, at_ns, fire, &w->timers[i]);
    if (at_ns > w->latest_ns)
        w->latest_ns = at_ns;
}

static void sleep_until(uint64_t at_ns)
{
    uint64_t now = clock_now_ns();
    if (at_ns > now)
        fiber_sleep_ns(at_ns - now);
}

static void five_in_reverse(void *arg)
{
    struct watch *w = arg;
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < 5; i++)
        start_one(w, i, now + MILLIS(10 - 2 * i));
    sleep_until(now + MILLIS(12));
    want_eq(w->fired, 5);
    for (unsigned i = 0; i < 5; i++) {
        want_eq(w->order[i], 4 - i);
        want(w->timers[i].fired_ns >= w->timers[i].timer.at_ns);
    }
}

EVERYWHERE(timer, fire_in_order_and_never_early)
{
    struct watch *w = calloc(1, sizeof(*w));
    world_run_well(backend, 1, five_in_reverse, w);
    free(w);
}

static void cancel_some(void *arg)
{
    struct watch *w = arg;
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < 20; i++)
        start_one(w, i, now + MILLIS(1 + i / 4));
    for (unsigned i = 0; i < 20; i += 2)
        timer_cancel(&w->timers[i].timer);
    timer_cancel(&w->timers[0].timer); /* idle already: nothing */
    sleep_until(now + MILLIS(8));
    want_eq(w->fired, 10);
    for (unsigned i = 0; i < 20; i++)
        want_eq(w->timers[i].fired, i % 2);
    start_one(w, 0, clock_now_ns()); /* at once, and a cancelled one may be used again */
    sleep_until(clock_now_ns() + MILLIS(2));
    want_eq(w->timers[0].fired, 1);
}

EVERYWHERE(timer, a_cancelled_one_does_not_fire)
{
    struct watch *w = calloc(1, sizeof(*w));
    world_run_well(backend, 1, cancel_some, w);
    free(w);
}

/* Virtual time: what is due when it is started fires within two ticks. */
static void start_due(void *arg)
{
    struct watch *w = arg;
    for (unsigned i = 0; i < 50; i++) {
        const uint64_t now = clock_now_ns();
        start_one(w, i, now - i * TICK_NS);
        fiber_sleep_ns(3 * TICK_NS);
        want_eq(w->timers[i].fired, 1);
        want(w->timers[i].fired_ns - now <= 3 * TICK_NS);
    }
}

Test(timer, one_that_is_due_fires_at_once)
{
    struct watch *w = calloc(1, sizeof(*w));
    world_run_well(BACKEND_SIM, 1, start_due, w);
    free(w);
}

static void fiber_sleeps_long_enough(void *arg)
{
    for (uint64_t ns = 1; ns <= MILLIS(2); ns *= 7) {
        uint64_t began = clock_now_ns();
        fiber_sleep_ns(ns);
        want(clock_now_ns() - began >= ns);
    }
}

EVERYWHERE(timer, a_fiber_sleeps_at_least_as_long_as_it_said)
{
    world_run_well(backend, 1, fiber_sleeps_long_enough, NULL);
}

/* Each sleep is the only thing its reactor waits for: one that is missed is never made up for.
 * Short ones often end between the decision to wait and the wait. */
static void sleep_often(void *arg)
{
    for (unsigned i = 0; i < 400; i++)
        fiber_sleep_ns(1 + random_u64() % MILLIS(1));
}

EVERYWHERE(timer, no_short_sleep_lasts_for_ever)
{
    world_run_well(backend, 2, sleep_often, NULL);
}

static uint64_t random_distance(void)
{
    /* up to 18 minutes: five levels of the wheel */
    return random_u64() >> (24 + random_u64() % 30);
}

static void many_at_random(void *arg)
{
    struct watch *w = arg;
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        start_one(w, i, clock_now_ns() + random_distance());
        if (random_u64() % 16 == 0)
            fiber_sleep_ns(random_distance());
    }
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (!w->timers[i].fired && random_u64() % 3 == 0) {
            w->timers[i].cancelled = true;
            timer_cancel(&w->timers[i].timer);
        }
    sleep_until(w->latest_ns + MILLIS(1));
    unsigned expected = 0;
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        const struct one *o = &w->timers[i];
        want_eq(o->fired, !o->cancelled);
        want(o->cancelled || o->fired_ns >= o->timer.at_ns);
        want(o->cancelled || o->fired_ns <= o->timer.at_ns + MILLIS(1));
        expected += !o->cancelled;
    }
    want_eq(w->fired, expected);
}

static int by_time(const void *a, const void *b)
{
    const struct one *x = *(const struct one *const *)a, *y = *(const struct one *const *)b;
    return x->timer.at_ns < y->timer.at_ns ? -1 : x->timer.at_ns > y->timer.at_ns;
}

static void started_together(void *arg)
{
    struct watch *w = arg;
    struct one *sorted[TIMERS_MAX];
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        start_one(w, i, now + MILLIS(5) + random_distance());
        sorted[i] = &w->timers[i];
    }
    qsort(sorted, TIMERS_MAX, sizeof(sorted[0]), by_time);
    sleep_until(w->latest_ns + MILLIS(1));
    want_eq(w->fired, TIMERS_MAX);
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        uint64_t is = w->timers[w->order[i]].timer.at_ns, should = sorted[i]->timer.at_ns;
        want(is <= should + TICK_NS && should <= is + TICK_NS);
    }
}

Test(timer, random_ones_fire_as_a_sorted_list_says)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct watch *w = calloc(1, sizeof(*w));
        struct world world = {.backend = BACKEND_SIM, .seed = seed};
        cr_assert_eq(world_run(&world, started_together, w), 0);
        free(w);
    }
}

Test(timer, random_ones_fire_once_unless_cancelled)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct watch *w = calloc(1, sizeof(*w));
        struct world world = {.backend = BACKEND_SIM, .seed = seed};
        cr_assert_eq(world_run(&world, many_at_random, w), 0);
        free(w);
    }
}
