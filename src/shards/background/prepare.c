/* prepare.c -- makes codes and lists for new rows, in a fiber of its own. The builder may work at
 * the graph of a frozen segment for half a minute. Without this fiber, rows that come meanwhile
 * would be scanned one by one. */
#include "shards/shard.h"

#include <errno.h>

static int prepare(struct shard *s)
{
    struct segment *g = s->growing;
    if (!g || g->vectors[0].indexing || segment_backlog(g) == 0 ||
        segment_index_scanned_bytes(g->vectors[0].index) == 0)
        return 0;
    const uint64_t before = segment_index_scanned_bytes(g->vectors[0].index);
    struct pause pause = {shard_pause, s};
    segment_hold(g);
    g->vectors[0].indexing = true;
    int rc = segment_index_prepare(g->vectors[0].index, &g->vectors[0].values.at, &pause);
    g->vectors[0].indexing = false;
    event_notify_all(&s->store->indexed);
    const bool better = segment_index_scanned_bytes(g->vectors[0].index) < before;
    segment_let_go(g);
    return rc == 0 ? better : rc == -ECANCELED ? 0 : rc;
}

int store_prepare(struct store *store)
{
    struct shard *s;
    while (!store->interrupted && (s = due_pop(store, DUE_PREPARE))) {
        if (s->dropped || gate_enter(&s->gate) < 0)
            continue;
        const int rc = prepare(s);
        if (rc != 0)
            due_add(s, DUE_PREPARE);
        gate_leave(&s->gate);
        if (rc != 0)
            return rc;
        fiber_checkpoint();
    }
    return 0;
}
