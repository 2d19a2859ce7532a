/* pause.h -- the hook by which long computations let other fibers run.
 *
 * Code that does not know fibers (src/index, src/vectors) gets a pause from its caller and calls it
 * every few tens of microseconds. A non-zero result (-ETIME, -ECANCELED) ends the computation. It
 * returns that result and leaves its data valid. */
#pragma once

struct pause {
    int (*fn)(void *arg); /* NULL: never pauses */
    void *arg;
};

static inline int pause_here(const struct pause *p)
{
    return p && p->fn ? p->fn(p->arg) : 0;
}
