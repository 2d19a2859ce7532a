/* workers.h -- the hook by which a build uses several cores: it is divided into shares that workers
 * do.
 *
 * src/index does not use threads, so the caller of a build may pass workers. While shares run, they
 * read only data that does not change and write only data of their own. Workers guarantee only the
 * order of memory: each share sees what was written before run(), and the caller sees the writes of
 * all shares when run() returns. */
#pragma once

#include "base/pause.h"

#define WORKERS_SHARES_MAX 256

/* Does one share of the job. Returns 0, or the result of its pause; then the job is not
 * finished. */
typedef int (*workers_share_fn)(void *job, unsigned share, const struct pause *pause);

struct workers {
    unsigned shares; /* 1..WORKERS_SHARES_MAX */
    /* Calls fn for the shares in [0, shares), each at most once, at the same time or one after
     * another. Returns when all calls have returned: 0, or one of the other results. The other
     * shares do the work of shares that are not called. `pause` is for shares on the caller's core.
     * Waits. */
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
