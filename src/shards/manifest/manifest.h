/* manifest.h -- the one small file that says what the data folder holds: which collections, which
 * sealed segments, and from where each log has to be replayed. The file is a state and the changes
 * that were made to it since (manifest_file.c); a change is appended and flushed (manifest_log.h),
 * so that what it costs does not grow with what there is. Owned by the catalog on reactor 0; the
 * other reactors send it edits. */
#pragma once

#include "base/table.h"
#include "reactor/runtime.h"
#include "shards/collection.h"

struct manifest_segment {
    uint64_t id, collection, rows, tombstones;
    uint64_t version_min; /* of the rows; UINT64_MAX: there are none */
    uint64_t version_max; /* of rows and tombstones */
    uint32_t owners,
        /* all rows are owned by reactor `owner` when there are `owners` of them;
         * owners 0: here and there */
        owner;
};

/* Where a collection is clean: the logs of these reactors hold nothing of it that its
 * segments do not have. */
struct manifest_rest {
    uint64_t reactors[REACTORS_MAX / 64]; /* bit set */
};

struct manifest {
    uint64_t epoch; /* of the logs: a start with another number of reactors begins a new one */
    /* the logs are in DIR/log/LOG_DIR: the epoch, unless they came from a snapshot */
    uint64_t log_dir;
    uint32_t reactors;                     /* that wrote the logs of this epoch */
    uint64_t next_id;                      /* for collections */
    struct collection_config *collections; /* each with a reference to its schema */
    struct manifest_rest *rests;           /* [collection_count] */
    size_t collection_count, collection_room;
    struct manifest_segment *segments;
    size_t segment_count, segment_room;
    struct table by_id, by_name; /* of collections: their index plus one */
    /* per reactor: log records before this position are in segments */
    uint64_t log_start[REACTORS_MAX];
    /* only in a snapshot, per reactor: its log ends exactly here; 0 or NULL: at its last whole
     * group */
    uint64_t *log_end;
    struct {
        uint64_t created_ns; /* since 1970; 0: this is not a snapshot's */
        uint64_t bytes;      /* of all files it names */
    } snapshot;
};

/* A new segment is part of the data, those it was made from are not, the log before `log_start` is
 * not needed any more, and collections come to rest on a reactor or leave it: one durable step. */
struct manifest_edit {
    struct manifest_segment segment; /* id 0: none */
    const uint64_t *
        /* ids of segments that are all there, or the edit is refused with -ENOENT; one
         * given twice counts once */
        removed;
    size_t removed_count;
    uint64_t
        /* what follows is about the logs of this epoch; in another log_start is left alone, and
         * nothing comes to rest */
        epoch;
    uint32_t reactor;
    uint64_t log_start;
    uint64_t dirtied; /* a collection that is not clean on `reactor` any more; 0: none */
    /* collections that are from now on; those that are not there do not count */
    const uint64_t *cleaned;
    size_t cleaned_count;
};

/* A collection's next schema. */
struct manifest_schema {
    uint64_t collection;
    struct schema *schema; /* its version is one more than that of the schema there is */
};

/* Exactly one of the four is meant. */
struct manifest_change {
    const struct collection_config *create; /* with its id; clean everywhere */
    uint64_t drop;                          /* a collection's id, with its segments; 0: none */
    const struct manifest_schema *schema;
    const struct manifest_edit *edit;
};

/* -- the file (manifest_file.c) -- */

/* What the file had beside what was understood. */
struct manifest_tail {
    uint64_t offset, bytes; /* behind the last whole change; bytes 0: nothing */
};

/* A folder without a manifest is new: *m is then empty with epoch 0, reactors 0. A last change that
 * is not whole was never acknowledged, unless the disk lost it: it is left out, and *ret_tail (may
 * be NULL) says where it lies. Errors: ERROR_VERSION (written by a newer or an older Kith),
 * ERROR_CORRUPT (file and offset), ERROR_IO. */
MUST_USE int manifest_load(const char *dir, struct manifest *m, struct manifest_tail *ret_tail, struct error *error);
/* Writes m as a state without changes in the place of what is there. Waits. */
MUST_USE int manifest_store(const char *dir, const struct manifest *m, struct error *error);

/* -- in memory (manifest.c) -- */

/* NULL: none */
const struct collection_config *manifest_find(const struct manifest *m, uint64_t collection);
const struct collection_config *manifest_find_name(const struct manifest *m, const char *name);

/* May it be made? -ENOENT: the collection, or a segment that it removes, is not there; -EEXIST: the
 * collection, or the name, is; -ESTALE: the schema there is has not the version before. */
MUST_USE int manifest_check(const struct manifest *m, const struct manifest_change *change);
/* Makes room for so many changes, which then cannot fail; -ENOMEM. */
MUST_USE int manifest_reserve(struct manifest *m, size_t changes);
/* The change was checked, and there is room. A schema that comes with it is acquired. */
void manifest_make(struct manifest *m, const struct manifest_change *change);
/* The three of them, for an edit. */
MUST_USE int manifest_apply(struct manifest *m, const struct manifest_edit *edit);
/* Likewise for a collection, which is clean nowhere. -EEXIST, -ENOMEM. */
MUST_USE int manifest_add(struct manifest *m, const struct collection_config *config);
/* *ret is a second manifest of the same content; -ENOMEM. */
MUST_USE int manifest_copy(const struct manifest *m, struct manifest *ret);
void manifest_fini(struct manifest *m);

/* -- clean collections (manifest_clean.c) -- */

bool manifest_is_clean_on(const struct manifest *m, uint64_t collection, unsigned reactor);
/* On all reactors: its segments are all there is of it. */
bool manifest_is_clean(const struct manifest *m, uint64_t collection);
/* Nothing happens when the collection is not there. */
void manifest_clean_everywhere(struct manifest *m, uint64_t collection);
void manifest_clean_on(struct manifest *m, uint64_t collection, unsigned reactor);
void manifest_dirty_on(struct manifest *m, uint64_t collection, unsigned reactor);
/* Nothing is known of it any more. */
void manifest_clean_forget(struct manifest *m, uint64_t collection);
/* The logs are written anew by another number of reactors: what was clean everywhere is so
 * again, nothing else is. */
void manifest_clean_extend(struct manifest *m, unsigned reactors);

static inline uint64_t manifest_log_end(const struct manifest *m, unsigned reactor)
{
    return m->log_end && reactor < m->reactors ? m->log_end[reactor] : 0;
}
