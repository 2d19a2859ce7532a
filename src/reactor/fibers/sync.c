/* sync.c -- event, semaphore, gate. A waiter is a struct on the stack of the waiting fiber, in a
 * list of the event. */
#include "reactor/fibers/sync.h"
#include "reactor/timer.h"
#include <errno.h>

struct waiter {
    struct waiter *next;
    struct fiber *fiber;
    uint64_t units; /* semaphore: the units that it asks for */
    bool notified;
};

/* Not inlined: the compiler cannot know that a waiter leaves the list before its frame ends, and
 * would warn. */
__attribute__((noinline)) static void waiters_push(struct event *e, struct waiter *w)
{
    if (!e->head)
        e->tail = &e->head;
    w->next = NULL;
    *e->tail = w;
    e->tail = &w->next;
}

static struct waiter *waiters_pop(struct event *e)
{
    struct waiter *w = e->head;
    e->head = w->next;
    if (!e->head)
        e->tail = &e->head;
    return w;
}

static void waiters_remove(struct event *e, struct waiter *w)
{
    struct waiter **link = &e->head;
    while (*link != w) {
        check(*link);
        link = &(*link)->next;
    }
    *link = w->next;
    if (!w->next)
        e->tail = link;
}

static void waiter_notify(struct waiter *w)
{
    w->notified = true; /* first, because after the wake the frame of w may end */
    fiber_wake(w->fiber);
}

void event_wait(struct event *e)
{
    struct waiter w = {.fiber = fiber_self()};
    check(w.fiber);
    waiters_push(e, &w);
    while (!w.notified)
        fiber_suspend();
}

static void deadline_passed(void *arg)
{
    fiber_wake(arg);
}

int event_wait_until(struct event *e, uint64_t deadline_ns)
{
    struct waiter w = {.fiber = fiber_self()};
    struct timer t = {0};
    check(w.fiber);
    timer_start(&t, deadline_ns, deadline_passed, w.fiber);
    waiters_push(e, &w);
    while (!w.notified && t.slot)
        fiber_suspend();
    timer_cancel(&t);
    if (w.notified)
        return 0;
    waiters_remove(e, &w);
    return -ETIME;
}

void event_notify_one(struct event *e)
{
    if (e->head)
        waiter_notify(waiters_pop(e));
}

void event_notify_all(struct event *e)
{
    while (e->head)
        waiter_notify(waiters_pop(e));
}

void semaphore_init(struct semaphore *s, uint64_t units, unsigned order)
{
    *s = (struct semaphore){.units = units, .order = order};
}

/* Serves waiters in the order of arrival. The releasing fiber takes the units for them, so no other
 * fiber can overtake. */
static void semaphore_serve(struct semaphore *s)
{
    while (s->changed.head && s->changed.head->units <= s->units) {
        s->units -= s->changed.head->units;
        waiter_notify(waiters_pop(&s->changed));
    }
}

void semaphore_acquire(struct semaphore *s, uint64_t units)
{
    order_check(s->order);
    order_hold(s->order);
    if (!s->changed.head && s->units >= units) {
        s->units -= units;
        return;
    }
    struct waiter w = {.fiber = fiber_self(), .units = units};
    check(w.fiber);
    waiters_push(&s->changed, &w);
    while (!w.notified)
        fiber_suspend();
}

void semaphore_release(struct semaphore *s, uint64_t units)
{
    order_release(s->order);
    s->units += units;
    semaphore_serve(s);
}

int gate_enter(struct gate *g)
{
    if (g->closed)
        return -ESHUTDOWN;
    g->inside++;
    return 0;
}

void gate_leave(struct gate *g)
{
    check(g->inside > 0);
    if (--g->inside == 0)
        event_notify_all(&g->emptied);
}

void gate_close(struct gate *g)
{
    g->closed = true;
    while (g->inside > 0)
        event_wait(&g->emptied);
}
