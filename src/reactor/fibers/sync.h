/* sync.h -- waiting for each other on one core: event, semaphore, gate. No
 * atomics: all of one reactor. */
#pragma once

#include "reactor/fibers/fiber.h"
#include "reactor/fibers/order.h"

/* Fibers that wait for something to become true. Zero-initialised is valid. */
struct event {
    struct waiter *head, **tail;
};
void event_wait(struct event *e); /* returns after a later event_notify_*; recheck your condition */
MUST_USE int event_wait_until(struct event *e, uint64_t deadline_ns); /* -ETIME */
void event_notify_one(struct event *e);
void event_notify_all(struct event *e); /* in the order they came */

struct semaphore {
    uint64_t units;
    unsigned order; /* see order.h; ORDER_NONE: whoever holds it waits for nothing */
    struct event changed;
};
void semaphore_init(struct semaphore *s, uint64_t units, unsigned order);
void semaphore_acquire(struct semaphore *s, uint64_t units); /* first come, first served */
void semaphore_release(struct semaphore *s, uint64_t units);

/* Counts who is inside; closing lets nobody in and waits until the last has left. */
struct gate {
    uint32_t inside;
    bool closed;
    struct event emptied;
};
MUST_USE int gate_enter(struct gate *g); /* -ESHUTDOWN once closed */
void gate_leave(struct gate *g);
void gate_close(struct gate *g);
