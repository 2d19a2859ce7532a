/* recall_watch.h -- the recall of live searches, measured now and then.
 *
 * One search in so many (search.recall_sample), and the first ones of each collection, are repeated
 * when there is time, in class background, as they were and exactly: of the rows that this core can
 * search, which are all sealed ones and its own. Both run one after the other, so that hardly a
 * write comes between. At most one at a time, and for no more than a twentieth of the time. Metrics
 * add up what was found, and searches of a collection that find too little get a larger effort
 * (shards/background/recall_effort.h). One reactor's; nothing of it is on the way of a search but a
 * counter and, when it is the one, a copy of its vector. */
#pragma once

#include "reactor/fibers/sync.h"
#include "shards/store.h"

struct collection_entry;
struct core;

struct recall_watch {
    uint64_t searches; /* since the last that was taken */
    uint64_t next_ns;  /* none is taken before, on clock_now_ns() */
    bool running;
    bool hurries; /* little is known of that collection: the next may follow sooner */
    struct event ended;
    struct context ctx;  /* of the two searches */
    uint64_t collection; /* what is measured: */
    struct shard_query query;
    float *vector; /* owned */
};

/* A search that is not exact and has no filter has been answered. Takes it, or not. */
void recall_watch_note(struct core *c, const struct collection_entry *e, const struct shard_query *q);
/* Ends what is under way. Waits. */
void recall_watch_stop(struct core *c);
