/* test_sync.c -- events, semaphores and gates among the fibers of one reactor. */
#include "reactor/fibers/sync.h"
#include "world.h"
#include <string.h>

TestSuite(sync, .timeout = 30);

#define WAITERS 5

struct scene {
    struct event event;
    struct semaphore semaphore;
    struct gate gate;
    char order[32];
    unsigned length, arrived, left;
};

struct part {
    struct scene *scene;
    char letter;
    uint64_t units;
};

static void note(struct part *p)
{
    p->scene->order[p->scene->length++] = p->letter;
}

/* Starts WAITERS fibers, one after the other has come to wait, so that their order is known
 * under the simulator too. */
static void assemble(struct scene *s, struct part *parts, fiber_fn fn)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        parts[i].scene = s;
        parts[i].letter = (char)('a' + i);
        want_eq(fiber_start(CLASS_INTERACTIVE, fn, &parts[i], "part"), 0);
        while (s->arrived <= i)
            fiber_yield();
    }
}

static void wait_for_event(void *arg)
{
    struct part *p = arg;
    p->scene->arrived++;
    event_wait(&p->scene->event);
    note(p);
    p->scene->left++;
}

static void notify_one_by_one(void *arg)
{
    struct scene *s = arg;
    struct part parts[WAITERS] = {0};
    event_notify_all(&s->event); /* without waiters a notification has no effect */
    assemble(s, parts, wait_for_event);
    fiber_sleep_ns(MILLIS(1));
    want_eq(s->left, 0);
    for (unsigned i = 0; i < WAITERS; i++) {
        event_notify_one(&s->event);
        while (s->left <= i)
            fiber_yield();
        want_eq(s->left, i + 1);
    }
}

EVERYWHERE(sync, an_event_wakes_one_at_a_time_in_the_order_they_came)
{
    struct scene s = {0};
    world_run_well(backend, 1, notify_one_by_one, &s);
    cr_assert_str_eq(s.order, "abcde");
}

static void notify_all(void *arg)
{
    struct scene *s = arg;
    struct part parts[WAITERS] = {0};
    assemble(s, parts, wait_for_event);
    event_notify_all(&s->event);
    while (s->left < WAITERS)
        fiber_yield();
}

ON_REAL_BACKENDS(sync, an_event_wakes_all_in_the_order_they_came)
{
    struct scene s = {0};
    world_run_well(backend, 1, notify_all, &s);
    cr_assert_str_eq(s.order, "abcde");
}

static void notify_soon(void *arg)
{
    fiber_sleep_ns(MILLIS(1));
    event_notify_one(arg);
}

static void wait_with_deadline(void *arg)
{
    struct event e = {0};
    uint64_t deadline = clock_now_ns() + MILLIS(3);
    want_eq(event_wait_until(&e, deadline), -ETIME);
    want(clock_now_ns() >= deadline);
    want(!e.head); /* a fiber that gave up has left the list */

    want_eq(fiber_start(CLASS_INTERACTIVE, notify_soon, &e, "notifier"), 0);
    deadline = clock_now_ns() + SECONDS(20);
    want_eq(event_wait_until(&e, deadline), 0);
    want(clock_now_ns() < deadline);
    want_eq(event_wait_until(&e, 1), -ETIME); /* long past */
}

EVERYWHERE(sync, waiting_with_a_deadline_ends_with_etime)
{
    world_run_well(backend, 1, wait_with_deadline, NULL);
}

static void acquire_and_keep(void *arg)
{
    struct part *p = arg;
    p->scene->arrived++;
    semaphore_acquire(&p->scene->semaphore, p->units);
    note(p);
    p->scene->left++;
}

static void settle(void)
{
    for (int i = 0; i < 20; i++)
        fiber_yield();
}

static void serve_in_order(void *arg)
{
    struct scene *s = arg;
    struct part parts[WAITERS] = {{.units = 2}, {.units = 3}, {.units = 1}, {.units = 1}, {.units = 4}};
    semaphore_init(&s->semaphore, 2, ORDER_NONE);
    assemble(s, parts, acquire_and_keep);
    settle();
    want(strcmp(s->order, "a") == 0);
    semaphore_release(&s->semaphore, 2); /* enough for c and d, but b came first */
    settle();
    want(strcmp(s->order, "a") == 0);
    semaphore_release(&s->semaphore, 1);
    settle();
    want(strcmp(s->order, "ab") == 0);
    semaphore_release(&s->semaphore, 1);
    settle();
    semaphore_release(&s->semaphore, 2);
    settle();
    want(strcmp(s->order, "abcd") == 0);
    want_eq(s->semaphore.units, 1);
    semaphore_release(&s->semaphore, 3);
    settle();
    want(strcmp(s->order, "abcde") == 0);
    want_eq(s->semaphore.units, 0);
}

EVERYWHERE(sync, a_semaphore_serves_first_come_first)
{
    struct scene s = {0};
    world_run_well(backend, 1, serve_in_order, &s);
}

/* There is a unit for those who come later, but the first still waits for its three. */
static void queue_behind_a_large_one(void *arg)
{
    struct scene *s = arg;
    struct part parts[WAITERS] = {{.units = 3}, {.units = 1}, {.units = 1}, {.units = 1}, {.units = 1}};
    semaphore_init(&s->semaphore, 2, ORDER_NONE);
    assemble(s, parts, acquire_and_keep);
    settle();
    want_eq(s->length, 0);
    semaphore_release(&s->semaphore, 1);
    settle();
    want(strcmp(s->order, "a") == 0);
    semaphore_release(&s->semaphore, 4);
    settle();
    want_eq(s->length, WAITERS);
}

EVERYWHERE(sync, a_semaphore_lets_nobody_past_the_first_in_its_queue)
{
    struct scene s = {0};
    world_run_well(backend, 1, queue_behind_a_large_one, &s);
}

static void leave_later(void *arg)
{
    struct part *p = arg;
    want_eq(gate_enter(&p->scene->gate), 0);
    p->scene->arrived++;
    /* the last one is inside alone */
    fiber_sleep_ns(MILLIS(2) * (1 + (uint64_t)(p->letter - 'a')));
    note(p);
    p->scene->left++;
    gate_leave(&p->scene->gate);
}

static void close_gate(void *arg)
{
    struct scene *s = arg;
    struct part parts[WAITERS] = {0};
    assemble(s, parts, leave_later);
    want(s->left < WAITERS);
    gate_close(&s->gate);
    want_eq(s->left, WAITERS);
    want_eq(gate_enter(&s->gate), -ESHUTDOWN);
    gate_close(&s->gate); /* once more: nobody is inside, nothing to wait for */
}

EVERYWHERE(sync, closing_a_gate_waits_for_those_inside)
{
    struct scene s = {0};
    world_run_well(backend, 1, close_gate, &s);
}
