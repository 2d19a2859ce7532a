/* opening.h -- a store on its way from the disk to memory: what store_open.c and
 * store_replay.c share. */
#pragma once

#include "shards/shard.h"

struct opening {
    struct store *store;
    const struct manifest *manifest;
    struct remote_deletes remote_deletes;
    struct shard *last; /* the shard of the last record: the next one is mostly of the same */
    /* memory of the segments opened so far, and of the ids that all will put into the map */
    uint64_t held;
    unsigned mapped; /* segments whose index stays in its mapping */
    bool rewrite;    /* what is replayed goes into the new epoch's log */
    struct replay_progress *progress;
    /* progress: of the logs that are done; where the present one began */
    uint64_t bytes_before, start;
    uint64_t line_ns; /* when the next line about it is due */
    struct error *error;
};

/* Replays the logs on top of the segments, and begins the store's own. Waits. */
MUST_USE int opening_replay(struct opening *o);
