/* workers.h -- the workers of a server's builds (base/workers.h): every reactor does a share, as
 * background work, when it has nothing better to do. Whoever is busy does little: shares take their
 * rows one by one, so the others do more. */
#pragma once

#include "base/workers.h"
#include "reactor/message.h"

#include <stdatomic.h>

enum workers_message_type { MSG_WORKERS_SHARE = 0x400 }; /* to ACTOR_WORKERS */

/* One share. The job is lent until the message is home; what is written in it belongs to one share
 * alone. Comes home with what the share returned, or -ESHUTDOWN from a reactor that helps no more:
 * then the others have done its part. */
struct workers_message {
    struct message base;
    workers_share_fn fn;
    void *job;
    unsigned share;
    const _Atomic bool *stopped; /* the share is to end: only a hint, nothing is published by it */
};

/* What one share works in, about. */
#define WORKERS_SHARE_BYTES ((uint64_t)128 << 10)

static inline unsigned workers_shares_most(unsigned reactors)
{
    return reactors < WORKERS_SHARES_MAX ? reactors : WORKERS_SHARES_MAX;
}

/* Makes c workers of all reactors; `actor`, which is core's, receives shares of others. */
void workers_start(struct workers *c, struct actor *actor);
