/* sync.h -- event, semaphore and gate, for fibers of one reactor. So they need no atomics. */
#pragma once

#include "reactor/fibers/fiber.h"
#include "reactor/fibers/order.h"

/* A list of fibers that wait for a condition. All zeros is valid. */
struct event {
    struct waiter *head, **tail;
};
/* returns after a later event_notify_*(); the caller rechecks its condition */
void event_wait(struct event *e);
MUST_USE int event_wait_until(struct event *e, uint64_t deadline_ns); /* -ETIME at the deadline */
void event_notify_one(struct event *e);
void event_notify_all(struct event *e); /* in the order of arrival */

struct semaphore {
    uint64_t units;
    unsigned order; /* see order.h; ORDER_NONE: a holder never waits */
    struct event changed;
};
void semaphore_init(struct semaphore *s, uint64_t units, unsigned order);
void semaphore_acquire(struct semaphore *s, uint64_t units); /* first come, first served */
void semaphore_release(struct semaphore *s, uint64_t units);

/* Counts the fibers inside. Closing refuses new ones and waits until the last has left. */
struct gate {
    uint32_t inside;
    bool closed;
    struct event emptied;
};
MUST_USE int gate_enter(struct gate *g); /* -ESHUTDOWN once closed */
void gate_leave(struct gate *g);
void gate_close(struct gate *g);
