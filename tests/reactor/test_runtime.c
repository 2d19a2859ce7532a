/* test_runtime.c -- starting and stopping all reactors, signals, clocks, figures. */
#include "reactor/runtime.h"
#include "world.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(runtime, .timeout = 30);

Test(runtime, impossible_options_are_refused_with_a_sentence)
{
    struct runtime *rt = NULL;
    struct error error = {0};
    struct runtime_options many = {.reactors = REACTORS_MAX + 1, .backend = BACKEND_UV};
    cr_assert_eq(runtime_create(&many, &rt, &error), -EINVAL);
    cr_assert(error.text[0]);
    error = (struct error){0};
    struct runtime_options no_world = {.reactors = 1, .backend = BACKEND_SIM};
    cr_assert_eq(runtime_create(&no_world, &rt, &error), -EINVAL);
    cr_assert(error.text[0]);
    cr_assert_null(rt);
}

static _Atomic unsigned boots[4];

static void count_boot(void *arg)
{
    want(reactor_id() < 4);
    want_eq(reactor_count(), 4);
    want(fiber_self());
    want_eq(fiber_class_of(fiber_self()), CLASS_INTERACTIVE);
    boots[reactor_id()]++;
}

EVERYWHERE(runtime, boots_once_on_each_reactor)
{
    world_run_well(backend, 4, count_boot, NULL);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(boots[i], 1);
}

static void stop_as_the_last_one(void *arg)
{
    if (reactor_id() == 2) {
        fiber_sleep_ns(MILLIS(3));
        runtime_stop();
        runtime_stop(); /* once more changes nothing */
    }
}

EVERYWHERE(runtime, any_reactor_may_stop_all)
{
    struct world w = {.backend = backend, .reactors = 3, .never_stops = true};
    cr_assert_eq(world_run(&w, stop_as_the_last_one, NULL), 0);
}

static void work_on(void *arg)
{
    fiber_sleep_ns(MILLIS(3));
    unsigned *left = arg;
    if (--*left)
        want_eq(fiber_start(CLASS_BACKGROUND, work_on, left, "one more"), 0);
}

static void start_and_return(void *arg)
{
    if (reactor_id() == 0)
        want_eq(fiber_start(CLASS_WRITE, work_on, arg, "work"), 0);
}

EVERYWHERE(runtime, stop_waits_for_the_last_fiber)
{
    unsigned left = 4;
    world_run_well(backend, 2, start_and_return, &left);
    cr_assert_eq(left, 0);
}

static void look_at_the_clock(void *arg)
{
    struct reactor_stats before, after;
    reactor_stats_read(&before);
    uint64_t last = clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        want(now >= last);
        last = now;
        if (i % 100 == 0)
            fiber_yield();
    }
    want(clock_wall_ns() > SECONDS(1600000000));
    want(random_u64() != random_u64());
    fiber_sleep_ns(MILLIS(2));
    reactor_stats_read(&after);
    want(after.switches >= before.switches + 11);
    want(after.busy_ns > before.busy_ns);
    want(after.idle_ns > before.idle_ns);
    want_eq(after.fibers, 1);
    want(strcmp(after.backend, arg) == 0);
}

EVERYWHERE(runtime, clocks_and_figures_go_forward)
{
    static const char *const names[] = {[BACKEND_URING] = "uring", [BACKEND_UV] = "uv", [BACKEND_SIM] = "sim"};
    world_run_well(backend, 1, look_at_the_clock, (void *)(uintptr_t)names[backend]);
}

/* -- signals -- */

static struct fiber *waits_for_signal;
static unsigned signals;

static void on_signal(void *arg)
{
    want_eq(reactor_id(), 0);
    signals++;
    fiber_wake(waits_for_signal);
}

static void wait_for_signals(void *arg)
{
    if (reactor_id() > 0)
        return;
    waits_for_signal = fiber_self();
    static const int sent[] = {SIGTERM, SIGINT};
    for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
        want_eq(kill(getpid(), sent[i]), 0);
        while (signals <= i)
            fiber_suspend();
    }
    runtime_stop();
}

static void run_with_signals(enum backend_kind backend)
{
    struct runtime_options options = {.reactors = 2, .backend = backend, .stall_ms = 10000};
    struct runtime *rt;
    struct error error = {0};
    cr_assert_eq(runtime_create(&options, &rt, &error), 0);
    for (unsigned round = 1; round <= 2; round++) { /* one runtime can run again */
        signals = 0;
        cr_assert_eq(runtime_run(rt, wait_for_signals, on_signal, NULL), 0);
        cr_assert_eq(signals, 2);
    }
    runtime_destroy(rt);
}

ON_REAL_BACKENDS(runtime, signals_become_a_fiber_on_the_first_reactor)
{
    run_with_signals(backend);
}

Test(runtime, knows_what_the_process_uses)
{
    uint64_t before = process_cpu_ns();
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 3000000; i++)
        sum += i;
    cr_assert_gt(process_cpu_ns(), before);
    cr_assert_gt(process_rss_bytes(), 100000);
}

/* -- stalls that end the process -- */

static uint64_t burn(uint64_t ns, bool pauses)
{
    uint64_t steps = 0, end = process_cpu_ns() + ns;
    while (process_cpu_ns() < end) {
        steps++;
        if (pauses)
            fiber_checkpoint();
    }
    return steps;
}

static void hold_the_core(void *arg)
{
    want(burn(MILLIS(500), false) > 0);
}

static void pause_now_and_then(void *arg)
{
    want(burn(MILLIS(100), true) > 0);
}

static void run_where_stalls_are_fatal(enum backend_kind backend, runtime_boot_fn main)
{
    setenv("KITH_STALL_FATAL_MS", "5", 1);
    world_run_well(backend, 1, main, NULL);
}

Test(runtime, a_fatal_stall_ends_the_process_uring, .signal = SIGABRT)
{
    world_require(BACKEND_URING);
    run_where_stalls_are_fatal(BACKEND_URING, hold_the_core);
}

Test(runtime, a_fatal_stall_ends_the_process_uv, .signal = SIGABRT)
{
    run_where_stalls_are_fatal(BACKEND_UV, hold_the_core);
}

ON_REAL_BACKENDS(runtime, who_pauses_does_not_stall)
{
    run_where_stalls_are_fatal(backend, pause_now_and_then);
}
