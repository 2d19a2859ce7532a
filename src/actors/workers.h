/* workers.h -- the workers of a server's builds (base/workers.h): every reactor does a share, as
 * background work, when it has no other work. A busy reactor does little. Shares take their rows
 * one by one, so the other reactors do more. */
#pragma once

#include "base/workers.h"
#include "reactor/message.h"

#include <stdatomic.h>

enum workers_message_type { MSG_WORKERS_SHARE = 0x400 }; /* to ACTOR_WORKERS */

/* One share. The job is lent until the message is back; each share writes only to its own part
 * of the job. The status is what the share returned, or -ESHUTDOWN from a reactor that helps no
 * more; then the others have done its part. */
struct workers_message {
    struct message base;
    workers_share_fn fn;
    void *job;
    unsigned share;
    /* a hint that the share may end; no other data is published by it */
    const _Atomic bool *stopped;
};

/* About the memory that one share works in. */
#define WORKERS_SHARE_BYTES ((uint64_t)128 << 10)

static inline unsigned workers_shares_most(unsigned reactors)
{
    return reactors < WORKERS_SHARES_MAX ? reactors : WORKERS_SHARES_MAX;
}

/* Makes c the workers of all reactors. `actor` belongs to the core and receives the
 * shares of other reactors. */
void workers_start(struct workers *c, struct actor *actor);
