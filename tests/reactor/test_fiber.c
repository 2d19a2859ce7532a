/* test_fiber.c -- fibers: whose turn it is, waking, classes, the bound of the pool. */
#include "world.h"
#include <string.h>

TestSuite(fiber, .timeout = 30);

/* Each of a few fibers writes its letter down, twice, and yields in between. */
struct script {
    char text[64];
    unsigned length;
    struct fiber *parent;
    unsigned left;
};

struct actor_of_script {
    struct script *script;
    char letter;
};

static void write_letter(struct script *s, char letter)
{
    s->text[s->length++] = letter;
}

static void write_twice(void *arg)
{
    struct actor_of_script *a = arg;
    write_letter(a->script, a->letter);
    fiber_yield();
    write_letter(a->script, a->letter);
    if (--a->script->left == 0)
        fiber_wake(a->script->parent);
}

static void five_writers(void *arg)
{
    struct script *s = arg;
    struct actor_of_script actors[5];
    s->parent = fiber_self();
    s->left = 5;
    for (unsigned i = 0; i < 5; i++) {
        actors[i] = (struct actor_of_script){s, (char)('a' + i)};
        want_eq(fiber_start(CLASS_INTERACTIVE, write_twice, &actors[i], "writer"), 0);
    }
    want_eq(s->length, 0); /* a fiber that is started runs soon, not now */
    while (s->left)
        fiber_suspend();
}

ON_REAL_BACKENDS(fiber, run_in_the_order_they_became_ready)
{
    struct script s = {0};
    world_run_well(backend, 1, five_writers, &s);
    cr_assert_str_eq(s.text, "abcdeabcde");
}

Test(fiber, order_in_the_simulator_is_the_seeds)
{
    char first[64] = "";
    bool other = false;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct script s = {0};
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, five_writers, &s), 0);
        cr_assert_eq(s.length, 10);
        if (seed == 1)
            strcpy(first, s.text);
        other |= strcmp(first, s.text) != 0;
    }
    cr_assert(other, "ten seeds gave one order: %s", first);
}

static void wake_once_and_suspend(void *arg)
{
    bool *came_back = arg;
    fiber_wake(fiber_self());
    fiber_suspend(); /* returns at once: it was woken before */
    *came_back = true;
}

EVERYWHERE(fiber, a_wake_before_the_suspend_is_remembered)
{
    bool came_back = false;
    world_run_well(backend, 1, wake_once_and_suspend, &came_back);
    cr_assert(came_back);
}

struct sleeper {
    struct fiber *self;
    unsigned wakes;
    bool ended;
};

static void sleep_twice(void *arg)
{
    struct sleeper *s = arg;
    s->self = fiber_self();
    for (unsigned i = 0; i < 2; i++) {
        fiber_suspend();
        s->wakes++;
    }
    s->ended = true;
}

static void wake_twice_at_once(void *arg)
{
    struct sleeper *s = arg;
    want_eq(fiber_start(CLASS_INTERACTIVE, sleep_twice, s, "sleeper"), 0);
    fiber_sleep_ns(MILLIS(1));
    want(s->self);
    fiber_wake(s->self); /* it is suspended: now ready */
    fiber_sleep_ns(MILLIS(1));
    want_eq(s->wakes, 1);
    want(!s->ended);
    fiber_wake(s->self);
    fiber_sleep_ns(MILLIS(1));
    want_eq(s->wakes, 2);
    want(s->ended);
}

EVERYWHERE(fiber, one_wake_ends_one_suspend)
{
    struct sleeper s = {0};
    world_run_well(backend, 1, wake_twice_at_once, &s);
}

/* Two interactive fibers that are never done, and a background one that must come to
 * its end all the same. */
struct contest {
    bool over;
    uint64_t background_ns, all_ns;
};

static void never_idle(void *arg)
{
    struct contest *c = arg;
    while (!c->over)
        fiber_checkpoint();
}

static void background_work(void *arg)
{
    struct contest *c = arg;
    struct reactor_stats stats;
    do {
        fiber_checkpoint();
        reactor_stats_read(&stats);
    } while (stats.class_ns[CLASS_BACKGROUND] < MILLIS(5));
    c->background_ns = stats.class_ns[CLASS_BACKGROUND];
    c->all_ns = stats.class_ns[CLASS_BACKGROUND] + stats.class_ns[CLASS_INTERACTIVE];
    c->over = true;
}

static void three_who_want_the_core(void *arg)
{
    want_eq(fiber_start(CLASS_INTERACTIVE, never_idle, arg, "busy"), 0);
    want_eq(fiber_start(CLASS_INTERACTIVE, never_idle, arg, "busy"), 0);
    want_eq(fiber_start(CLASS_BACKGROUND, background_work, arg, "background"), 0);
}

ON_REAL_BACKENDS(fiber, background_work_comes_to_its_end)
{
    struct contest c = {0};
    world_run_well(backend, 1, three_who_want_the_core, &c);
    cr_assert(c.over);
}

/* Where time is virtual, the share can be held to its figure. */
Test(fiber, background_work_gets_its_floor_share)
{
    struct contest c = {0};
    world_run_well(BACKEND_SIM, 1, three_who_want_the_core, &c);
    double share = (double)c.background_ns / (double)c.all_ns;
    cr_assert(share > 0.05 && share < 0.25, "the floor share is a tenth, measured %.3f", share);
}

static void clumsy_work(void *arg)
{
    struct contest *c = arg;
    struct reactor_stats stats;
    do {
        for (uint64_t until = clock_now_ns() + MILLIS(3); clock_now_ns() < until;)
            ; /* six slices without a checkpoint */
        fiber_yield();
        reactor_stats_read(&stats);
    } while (stats.class_ns[CLASS_BACKGROUND] < MILLIS(30));
    c->background_ns = stats.class_ns[CLASS_BACKGROUND];
    c->all_ns = stats.class_ns[CLASS_BACKGROUND] + stats.class_ns[CLASS_INTERACTIVE];
    c->over = true;
}

static void clumsy_beside_urgent(void *arg)
{
    want_eq(fiber_start(CLASS_INTERACTIVE, never_idle, arg, "busy"), 0);
    want_eq(fiber_start(CLASS_BACKGROUND, clumsy_work, arg, "clumsy"), 0);
}

Test(fiber, who_overstays_on_the_floor_pays_it_back)
{
    struct contest c = {0};
    world_run_well(BACKEND_SIM, 1, clumsy_beside_urgent, &c);
    double share = (double)c.background_ns / (double)c.all_ns;
    cr_assert(share > 0.05 && share < 0.15, "the floor share is a tenth, measured %.3f", share);
}

/* From urgent to background: everybody else is first. */
static void become_background(void *arg)
{
    struct contest *c = arg;
    want_eq(fiber_become(CLASS_BACKGROUND), CLASS_WRITE);
    want_eq(fiber_class_of(fiber_self()), CLASS_BACKGROUND);
    fiber_yield();
    want(c->over);
    want_eq(fiber_become(CLASS_WRITE), CLASS_BACKGROUND);
}

static void end_the_contest(void *arg)
{
    ((struct contest *)arg)->over = true;
}

static void one_steps_back(void *arg)
{
    want_eq(fiber_start(CLASS_WRITE, become_background, arg, "steps back"), 0);
    want_eq(fiber_start(CLASS_WRITE, end_the_contest, arg, "goes first"), 0);
}

Test(fiber, a_fiber_that_becomes_background_lets_others_go_first)
{
    static struct contest c;
    world_run_well(BACKEND_UV, 1, one_steps_back, &c);
}

static void count_down(void *arg)
{
    --*(unsigned *)arg;
}

struct crowd {
    unsigned started, left;
};

static struct fiber *crowd_fibers[8];

static void wait_in_the_crowd(void *arg)
{
    struct crowd *c = arg;
    crowd_fibers[c->left++] = fiber_self();
    fiber_suspend();
    c->left--;
}

static void start_until_refused(void *arg)
{
    struct crowd *c = arg;
    int rc;
    while ((rc = fiber_start(CLASS_INTERACTIVE, wait_in_the_crowd, c, "one more")) == 0)
        c->started++;
    want_eq(rc, -EAGAIN);
    fiber_sleep_ns(MILLIS(1));
    for (unsigned i = 0; i < c->started; i++)
        fiber_wake(crowd_fibers[i]);
    while (c->left)
        fiber_yield();
    unsigned again = c->started; /* all places are free again */
    for (unsigned i = 0; i < c->started; i++)
        want_eq(fiber_start(CLASS_INTERACTIVE, count_down, &again, "in a place used before"), 0);
    while (again)
        fiber_yield();
}

EVERYWHERE(fiber, pool_is_bounded_and_its_places_are_used_again)
{
    struct crowd c = {0};
    struct world w = {.backend = backend, .fibers_max = 8};
    cr_assert_eq(world_run(&w, start_until_refused, &c), 0);
    cr_assert_eq(c.started, 7); /* and the boot fiber */
}

/* -- how long one ran -- */

static void run_and_sleep(void *arg)
{
    uint64_t began_ns = clock_now_ns(), ran_ns = fiber_ran_ns(began_ns), now_ns;
    while (clock_now_ns() < began_ns + MILLIS(2))
        ;
    fiber_yield();
    now_ns = clock_now_ns();
    want(fiber_ran_ns(now_ns) - ran_ns >= MILLIS(2));
    fiber_sleep_ns(MILLIS(20));
    now_ns = clock_now_ns();
    /* sleeping is not running */
    want(now_ns - began_ns - (fiber_ran_ns(now_ns) - ran_ns) >= MILLIS(20));
}

ON_REAL_BACKENDS(fiber, knows_how_long_it_ran)
{
    world_run_well(backend, 1, run_and_sleep, NULL);
}

/* -- what stacks take -- */

#define BURST            1000u
#define TOUCHED          (8u << 10) /* of each stack, at least */
#define STACK_BYTES_MOST ((uint64_t)256 << 10)

static unsigned burst_left;
static bool burst_ends; /* a trim pauses: nobody ends before the test says so */

static void touch_stack(void *arg)
{
    volatile char bytes[TOUCHED - 256];
    for (size_t i = 0; i < sizeof(bytes); i += 1024)
        bytes[i] = 7;
    while (!burst_ends)
        fiber_yield();
    want_eq(bytes[TOUCHED - 1024], 7);
    burst_left--;
}

static uint64_t stack_bytes(void)
{
    struct reactor_stats stats;
    reactor_stats_read(&stats);
    return stats.stack_bytes;
}

static void burst(void *arg)
{
    burst_ends = false;
    for (burst_left = 0; burst_left < BURST; burst_left++)
        want_eq(fiber_start(CLASS_INTERACTIVE, touch_stack, NULL, "touch"), 0);
    fiber_yield();
    fiber_stacks_trim(FIBER_STACKS_KEPT);
    want(stack_bytes() >= BURST * TOUCHED);
    burst_ends = true;
    while (burst_left)
        fiber_yield();
    fiber_stacks_trim(FIBER_STACKS_KEPT);
    want(stack_bytes() >= BURST * TOUCHED); /* they may be wanted again soon */
    fiber_stacks_trim(FIBER_STACKS_KEPT);
    /* a page of each is left, and all of a few */
    want(stack_bytes() < BURST * TOUCHED * 3 / 4);
    for (burst_left = 0; burst_left < BURST; burst_left++) /* on the same stacks again */
        want_eq(fiber_start(CLASS_INTERACTIVE, touch_stack, NULL, "touch"), 0);
    while (burst_left)
        fiber_yield();
    want(stack_bytes() >= BURST * TOUCHED);
}

ON_REAL_BACKENDS(fiber, stacks_of_a_burst_are_given_back)
{
    struct world w = {.backend = backend, .fibers_max = 2 * BURST};
    cr_assert_eq(world_run(&w, burst, NULL), 0);
}

#define TRIMS 8u

static unsigned trims_left;

static void trim(void *arg)
{
    fiber_stacks_trim(FIBER_STACKS_KEPT);
    trims_left--;
}

/* A trim pauses, and others begin meanwhile: each has seen the same new stacks. */
static void trims_beside_each_other(void *arg)
{
    burst_ends = false;
    for (burst_left = 0; burst_left < BURST; burst_left++)
        want_eq(fiber_start(CLASS_INTERACTIVE, touch_stack, NULL, "touch"), 0);
    fiber_yield();
    for (trims_left = 0; trims_left < TRIMS; trims_left++)
        want_eq(fiber_start(CLASS_INTERACTIVE, trim, NULL, "trim"), 0);
    while (trims_left) {
        fiber_yield();
        want(stack_bytes() < 4 * BURST * STACK_BYTES_MOST);
    }
    want(stack_bytes() >= BURST * TOUCHED);
    burst_ends = true;
    while (burst_left)
        fiber_yield();
}

ON_REAL_BACKENDS(fiber, stacks_are_measured_by_several_at_once)
{
    struct world w = {.backend = backend, .fibers_max = 2 * BURST};
    cr_assert_eq(world_run(&w, trims_beside_each_other, NULL), 0);
}
