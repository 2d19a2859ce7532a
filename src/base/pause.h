/* pause.h -- long work lets others run.
 *
 * Code that knows no fibers (src/index, src/vectors) is handed a pause by its caller and calls it
 * every few tens of microseconds. A non-zero return (-ETIME, -ECANCELED) ends the work, which
 * returns it and leaves everything valid. */
#pragma once

struct pause {
    int (*fn)(void *arg); /* NULL: never pauses */
    void *arg;
};

static inline int pause_here(const struct pause *p)
{
    return p && p->fn ? p->fn(p->arg) : 0;
}
