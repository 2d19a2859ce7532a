/* recall_watch.h -- the recall of live searches, measured now and then.
 *
 * One search in search.recall_sample, and the first searches of each collection, are repeated in
 * class background: once as they were, and once exactly. Both look at the rows that this core
 * can search: all sealed rows and its own. They run one after the other, so that hardly any
 * write comes between. At most one measurement runs at a time, for no more than a twentieth of
 * the time. Metrics add up what was found. Later searches of a collection whose searches find
 * too little get a larger effort (shards/background/recall_effort.h).
 *
 * It belongs to one reactor. A search itself pays for a counter and, when it is sampled, for
 * a copy of its vector. */
#pragma once

#include "reactor/fibers/sync.h"
#include "shards/store.h"

struct collection_entry;
struct core;

struct recall_watch {
    uint64_t searches; /* since the last sampled one */
    uint64_t next_ns;  /* no search is sampled before this time of clock_now_ns() */
    bool running;
    /* one of the first measurements of a collection: the next one may follow sooner */
    bool hurries;
    struct event ended;
    struct context ctx;  /* of the repeated searches */
    uint64_t collection; /* of the sampled search */
    struct shard_query query;
    float *vector; /* owned */
};

/* Called when a search that is not exact and has no filter has been answered.
 * Samples it, or does not. */
void recall_watch_note(struct core *c, const struct collection_entry *e, const struct shard_query *q);
/* Ends a measurement that is under way. Waits. */
void recall_watch_stop(struct core *c);
