/* workers.c -- shares of a build. The fiber that builds does share 0 on its own reactor. The
 * other shares are sent as messages, and are back before the fiber goes on. Meanwhile the fiber
 * waits only inside its own share. So two builds that help each other both end. */
#include "actors/workers.h"
#include "actors/addresses.h"

#include <errno.h>
#include <stdlib.h>

#define WORKERS_WIDTH 8 /* shares of other reactors' builds at once */

static int share_pause(void *arg)
{
    const struct workers_message *m = arg;
    fiber_checkpoint();
    return atomic_load_explicit(m->stopped, memory_order_relaxed) ? -ECANCELED : 0;
}

static void on_message(struct actor *a, struct message *base)
{
    struct workers_message *m = (struct workers_message *)base;
    (void)a;
    struct pause pause = {share_pause, m};
    message_reply(base, m->fn(m->job, m->share, &pause));
}

/* The reactor that takes a share: the reactors after this one, in turn. */
static unsigned taker_of(unsigned share)
{
    return (reactor_id() + share) % reactor_count();
}

static int run(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg)
{
    struct workers_message *sent = calloc(shares, sizeof(*sent));
    _Atomic bool stopped = false;
    (void)arg;
    if (!sent)
        return fn(job, 0, pause); /* share 0 can do all of the work */
    for (unsigned i = 1; i < shares; i++) {
        sent[i] = (struct workers_message){.fn = fn, .job = job, .share = i, .stopped = &stopped};
        message_send(&sent[i].base, address_of(taker_of(i), ACTOR_WORKERS), MSG_WORKERS_SHARE, NULL);
    }
    message_publish();
    int rc = fn(job, 0, pause);
    if (rc != 0)
        atomic_store_explicit(&stopped, true, memory_order_relaxed);
    for (unsigned i = 1; i < shares; i++) {
        int one = message_await(&sent[i].base);
        if (rc == 0 && one != -ESHUTDOWN)
            rc = one;
    }
    free(sent);
    return rc;
}

void workers_start(struct workers *c, struct actor *actor)
{
    *c = (struct workers){workers_shares_most(reactor_count()), run, NULL};
    actor_start(actor, ACTOR_WORKERS, "workers", CLASS_BACKGROUND, WORKERS_WIDTH, on_message);
}
