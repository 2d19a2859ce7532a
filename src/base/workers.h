/* workers.h -- who does the work of a build: this fiber alone, or cores that each take a share.
 *
 * src/index knows no threads: whoever asks for a build may lend it workers. While shares
 * run they read what does not change and write what is theirs alone, so workers owe nothing
 * but this: what was written before run() is seen by every share, and what shares wrote is
 * seen when run() returns. */
#pragma once

#include "base/pause.h"

#define WORKERS_SHARES_MAX 256

/* Does the part of the job that falls to this share; 0, or what its pause returned: then the
 * job is not finished. */
typedef int (*workers_share_fn)(void *job, unsigned share, const struct pause *pause);

struct workers {
    unsigned shares; /* 1..WORKERS_SHARES_MAX */
    /* Calls fn once for each share in [0, shares), at the same time or one after another, and
     * returns when all have returned: 0, or one of the other results. Shares that are not called
     * leave their part to the others. `pause` is for what runs on the caller's core. Waits. */
    int (*run)(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg);
    void *arg;
};

static inline unsigned workers_shares(const struct workers *c)
{
    return c ? c->shares : 1;
}

static inline int workers_run(const struct workers *c, workers_share_fn fn, void *job, const struct pause *pause)
{
    return c ? c->run(fn, job, c->shares, pause, c->arg) : fn(job, 0, pause);
}
