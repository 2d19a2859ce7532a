/* timer.h -- calls on this reactor at a time. The caller owns the struct and keeps it until it
 * fired or was cancelled. */
#pragma once

#include "reactor/runtime.h"

/* runs in the loop, not in a fiber: wake somebody and return */
typedef void (*timer_fn)(void *arg);

struct timer {
    uint64_t at_ns;
    timer_fn fn;
    void *arg;
    struct timer *next, *prev; /* NULL, NULL when idle */
    uint32_t slot;
};

void timer_start(struct timer *t, uint64_t at_ns, timer_fn fn, void *arg); /* never fires early */
/* of an idle timer: nothing */
void timer_cancel(struct timer *t);
