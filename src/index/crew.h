/* crew.h -- who does the work of a build: this fiber alone, or cores that each take a share.
 *
 * src/index knows no threads: whoever asks for a build may lend it a crew. While shares run they read what does not change and
 * write what is theirs alone, so a crew owes nothing but this: what was written before run() is seen by every share, and what
 * shares wrote is seen when run() returns. */
#pragma once

#include "index/segment_index.h"

#define CREW_SHARES_MAX 256

/* Does the part of the job that falls to this share; 0, or what its pause returned: then the job is not finished. */
typedef int (*crew_share_fn)(void *job, unsigned share, const struct pause *pause);

struct crew {
    unsigned shares; /* 1..CREW_SHARES_MAX */
    /* Calls fn once for each share in [0, shares), at the same time or one after another, and returns when all have returned: 0, or
     * one of the other results. Shares that are not called leave their part to the others. `pause` is for what runs on the caller's
     * core. Waits. */
    int (*run)(crew_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg);
    void *arg;
};

static inline unsigned crew_shares(const struct crew *c)
{
    return c ? c->shares : 1;
}

static inline int crew_run(const struct crew *c, crew_share_fn fn, void *job, const struct pause *pause)
{
    return c ? c->run(fn, job, c->shares, pause, c->arg) : fn(job, 0, pause);
}
