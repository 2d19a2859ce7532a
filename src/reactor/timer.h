/* timer.h -- calls a function on this reactor at a given time. The caller owns the struct and keeps
 * it until the timer fires or is cancelled. */
#pragma once

#include "reactor/runtime.h"

/* Runs in the loop, not in a fiber, so it must not wait: it wakes a fiber and returns. */
typedef void (*timer_fn)(void *arg);

struct timer {
    uint64_t at_ns;
    timer_fn fn;
    void *arg;
    struct timer *next, *prev; /* both NULL when idle */
    uint32_t slot;
};

void timer_start(struct timer *t, uint64_t at_ns, timer_fn fn, void *arg); /* never fires early */
/* does nothing to an idle timer */
void timer_cancel(struct timer *t);
