/* manifest.h -- the one small file that says what the data folder holds: which collections, which sealed segments, and from
 * where each log has to be replayed. It is replaced as a whole (write aside, flush, rename, flush the directory), so that every
 * change from one durable state to the next is one rename. Owned by the catalog on reactor 0; the others send it edits. */
#pragma once

#include "reactor/runtime.h"
#include "shards/collection.h"

struct manifest_segment {
    uint64_t id, collection, rows, tombstones;
    uint64_t version_min; /* of the rows; UINT64_MAX: there are none */
    uint64_t version_max; /* of rows and tombstones */
    uint32_t homes,
        home; /* all rows are at home on reactor `home` when there are `homes` of them; homes 0: here and there */
};

/* Where a collection is at rest: the logs of these reactors hold nothing of it that its segments do not have. */
struct manifest_rest {
    uint64_t collection;
    uint64_t reactors[REACTORS_MAX / 64]; /* bit set */
};

struct manifest {
    uint64_t epoch;    /* of the logs: a start with another number of reactors begins a new one */
    uint64_t log_dir;  /* the logs are in DIR/log/LOG_DIR: the epoch, unless they came from a snapshot */
    uint32_t reactors; /* that wrote the logs of this epoch */
    uint64_t next_id;  /* for collections and segments */
    struct collection_config *collections;
    size_t collection_count;
    struct manifest_segment *segments;
    size_t segment_count;
    struct manifest_rest *rests; /* a collection without one is at rest nowhere, as far as is known */
    size_t rest_count;
    uint64_t log_start[REACTORS_MAX]; /* per reactor: log records before this position are in segments */
    uint64_t
        *log_end; /* only in a snapshot, per reactor: its log ends exactly here; 0 or NULL: at its last whole group */
    struct {
        uint64_t created_ns; /* since 1970; 0: this is not a snapshot's */
        uint64_t bytes;      /* of all files it names */
    } snapshot;
};

/* A new segment is part of the data, those it was made from are not, the log before `log_start` is not needed any more, and collections come
 * to rest on a reactor or leave it: one durable step. */
struct manifest_edit {
    struct manifest_segment segment; /* id 0: none */
    const uint64_t *removed;         /* ids of segments that are all there, or the edit is refused with -ENOENT */
    size_t removed_count;
    uint64_t
        epoch; /* what follows is about the logs of this epoch; in another log_start is left alone, and nothing comes to rest */
    uint32_t reactor;
    uint64_t log_start;
    uint64_t stirred;       /* a collection that is not at rest on `reactor` any more; 0: none */
    const uint64_t *rested; /* collections that are from now on; those that are not there do not count */
    size_t rested_count;
};

/* A folder without a manifest is new: *m is then empty with epoch 0, reactors 0. Errors: ERROR_VERSION (written by a newer
 * Kith), ERROR_CORRUPT (file and offset), ERROR_IO. */
MUST_USE int manifest_load(const char *dir, struct manifest *m, struct error *error);
MUST_USE int manifest_store(const char *dir, const struct manifest *m, struct error *error);
MUST_USE int manifest_apply(struct manifest *m, const struct manifest_edit *edit);
/* *ret is a second manifest of the same content; -ENOMEM. */
MUST_USE int manifest_copy(const struct manifest *m, struct manifest *ret);
void manifest_fini(struct manifest *m);

/* -- collections at rest (manifest_rest.c) -- */

bool manifest_rests_on(const struct manifest *m, uint64_t collection, unsigned reactor);
/* On all reactors: its segments are all there is of it. */
bool manifest_at_rest(const struct manifest *m, uint64_t collection);
/* A new collection is. -ENOMEM. */
MUST_USE int manifest_rest_everywhere(struct manifest *m, uint64_t collection);
MUST_USE int manifest_rest_on(struct manifest *m, uint64_t collection, unsigned reactor);
void manifest_stir_on(struct manifest *m, uint64_t collection, unsigned reactor);
/* It was dropped, or nothing is known of it any more. */
void manifest_rest_forget(struct manifest *m, uint64_t collection);
/* The logs are written anew by another number of reactors: what was at rest everywhere is so again, nothing else is. */
void manifest_rests_spread(struct manifest *m, unsigned reactors);

static inline uint64_t manifest_log_end(const struct manifest *m, unsigned reactor)
{
    return m->log_end && reactor < m->reactors ? m->log_end[reactor] : 0;
}
