/* opening.h -- the state of a start of one store, which store_open.c and store_replay.c share. */
#pragma once

#include "shards/shard.h"

struct opening {
    struct store *store;
    const struct manifest *manifest;
    struct remote_deletes remote_deletes;
    /* the shard of the last record, because the next record mostly has the same */
    struct shard *last;
    /* memory of the segments opened so far, and of the ids that will come into the id maps */
    uint64_t held;
    unsigned mapped; /* segments whose index stays in the mapped file */
    bool rewrite;    /* replayed records are appended to the log of the new epoch */
    struct replay_progress *progress;
    /* for progress: the bytes of the logs that are done, and where the present log began */
    uint64_t bytes_before, start;
    uint64_t line_ns; /* when the next line about the progress is logged */
    struct error *error;
};

/* Replays the logs on top of the segments, and opens the store's own log for writing. Waits. */
MUST_USE int opening_replay(struct opening *o);
