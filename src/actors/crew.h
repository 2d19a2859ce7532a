/* crew.h -- the crew of a server's builds (index/crew.h): every reactor does a share, as background work, when it has nothing better
 * to do. Whoever is busy does little: shares take their rows one by one, so the others do more. */
#pragma once

#include "index/crew.h"
#include "reactor/message.h"

#include <stdatomic.h>

enum crew_message_type { MSG_CREW_SHARE = 0x400 }; /* to ACTOR_CREW */

/* One share. The job is lent until the message is home; what is written in it belongs to one share alone. Comes home with what the
 * share returned, or -ESHUTDOWN from a reactor that helps no more: then the others have done its part. */
struct crew_message {
    struct message base;
    crew_share_fn fn;
    void *job;
    unsigned share;
    const _Atomic bool *stopped; /* the share is to end: only a hint, nothing is published by it */
};

/* What one share works in, about. */
#define CREW_SHARE_BYTES ((uint64_t)128 << 10)

static inline unsigned crew_shares_most(unsigned reactors)
{
    return reactors < CREW_SHARES_MAX ? reactors : CREW_SHARES_MAX;
}

/* Makes c a crew of all reactors; `actor`, which is core's, receives shares of others. */
void crew_start(struct crew *c, struct actor *actor);
