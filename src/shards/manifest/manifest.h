/* manifest.h -- the manifest: one small file that says what the data folder holds. It names the
 * collections and the sealed segments, and says from where each log has to be replayed.
 *
 * The file is a state, and the changes that were made since (manifest_file.c). A change is appended
 * and flushed (manifest_log.h), so its cost does not grow with the number of collections. The
 * catalog on reactor 0 owns the manifest. The other reactors send it their edits. */
#pragma once

#include "base/table.h"
#include "reactor/runtime.h"
#include "shards/collection.h"

struct manifest_segment {
    uint64_t id, collection, rows, tombstones;
    uint64_t version_min; /* the lowest of the rows; UINT64_MAX: there are none */
    uint64_t version_max; /* the highest of rows and tombstones */
    /* reactor `owner` owns all rows when there are `owners` reactors; owners 0: several own them */
    uint32_t owners, owner;
};

/* On which reactors a collection is clean: their logs hold nothing of it that its segments lack. */
struct manifest_cleanness {
    uint64_t reactors[REACTORS_MAX / 64]; /* a bit for each */
};

struct manifest {
    /* the epoch of the logs: a start with another number of reactors begins the next */
    uint64_t epoch;
    /* the logs are in DIR/log/LOG_DIR; LOG_DIR is the epoch, unless the logs came from a
     * snapshot */
    uint64_t log_dir;
    uint32_t reactors;                     /* how many reactors wrote the logs of this epoch */
    uint64_t next_id;                      /* the id of the next collection */
    struct collection_config *collections; /* each owns a reference to its schema */
    struct manifest_cleanness *clean;      /* [collection_count] */
    size_t collection_count, collection_room;
    struct manifest_segment *segments;
    size_t segment_count, segment_room;
    struct table by_id, by_name; /* the index of a collection, plus one */
    /* for each reactor: log records before this position are in segments */
    uint64_t log_start[REACTORS_MAX];
    /* only in a snapshot, for each reactor: its log ends exactly here; 0 or NULL: it ends with
     * its last whole group */
    uint64_t *log_end;
    struct {
        uint64_t created_ns; /* since 1970; 0: this is not the manifest of a snapshot */
        uint64_t bytes;      /* of all files that it names */
    } snapshot;
};

/* One durable step of a seal, a merge or a write: adds a segment, removes those it was made from,
 * moves log_start, and calls collections clean or dirty on a reactor. */
struct manifest_edit {
    struct manifest_segment segment; /* id 0: none */
    /* ids of segments; if one is not there, the edit is refused with -ENOENT; an id that is given
     * twice counts once */
    const uint64_t *removed;
    size_t removed_count;
    /* the members below are about the logs of this epoch; if the manifest has another one,
     * log_start does not move and no collection becomes clean */
    uint64_t epoch;
    uint32_t reactor;
    uint64_t log_start;
    uint64_t dirtied; /* a collection that is dirty on `reactor` from now on; 0: none */
    /* collections that are clean on `reactor` from now on; unknown ones are ignored */
    const uint64_t *cleaned;
    size_t cleaned_count;
};

/* A collection's next schema. */
struct manifest_schema {
    uint64_t collection;
    struct schema *schema; /* its version is one more than that of the present schema */
};

/* One change of the manifest: exactly one of the four is set. */
struct manifest_change {
    const struct collection_config *create; /* with its id; it is clean on all reactors */
    /* the id of a collection, which goes with its segments; 0: none */
    uint64_t drop;
    const struct manifest_schema *schema;
    const struct manifest_edit *edit;
};

/* -- the file (manifest_file.c) -- */

/* The bytes at the end of the file that are no whole change. */
struct manifest_tail {
    uint64_t offset, bytes; /* bytes 0: there are none */
};

/* Reads the manifest. A folder without one is new: then *m is empty, with epoch 0 and reactors 0. A
 * last change that is not whole was never acknowledged, or is damaged. It is left out, and
 * *ret_tail (may be NULL) says where it lies. Errors: ERROR_VERSION (written by a newer or an older
 * Kith), ERROR_CORRUPT (file and offset), ERROR_IO. */
MUST_USE int manifest_load(const char *dir, struct manifest *m, struct manifest_tail *ret_tail, struct error *error);
/* Replaces the file by one that has m as its state, and no changes. Waits. */
MUST_USE int manifest_store(const char *dir, const struct manifest *m, struct error *error);

/* -- in memory (manifest.c) -- */

/* The collection with that id or name; NULL: there is none. */
const struct collection_config *manifest_find(const struct manifest *m, uint64_t collection);
const struct collection_config *manifest_find_name(const struct manifest *m, const char *name);

/* Whether the change can be made. -ENOENT: the collection, or a removed segment, is not there.
 * -EEXIST: the collection or its name is there already. -ESTALE: the present schema does not
 * have the version before. */
MUST_USE int manifest_check(const struct manifest *m, const struct manifest_change *change);
/* Makes room for so many changes, which then cannot fail. -ENOMEM. */
MUST_USE int manifest_reserve(struct manifest *m, size_t changes);
/* Makes a change that was checked and has room. Acquires its schema. */
void manifest_make(struct manifest *m, const struct manifest_change *change);
/* Checks, reserves and makes an edit. */
MUST_USE int manifest_apply(struct manifest *m, const struct manifest_edit *edit);
/* Checks, reserves and adds a collection, which is dirty on all reactors. -EEXIST, -ENOMEM. */
MUST_USE int manifest_add(struct manifest *m, const struct collection_config *config);
/* Makes *ret a second manifest with the same content. -ENOMEM. */
MUST_USE int manifest_copy(const struct manifest *m, struct manifest *ret);
void manifest_fini(struct manifest *m);

/* -- clean collections (manifest_clean.c) -- */

bool manifest_is_clean_on(const struct manifest *m, uint64_t collection, unsigned reactor);
/* Whether the collection is clean on all reactors, so that its segments have all its points. */
bool manifest_is_clean(const struct manifest *m, uint64_t collection);
/* These do nothing when the collection is not there. */
void manifest_clean_everywhere(struct manifest *m, uint64_t collection);
void manifest_clean_on(struct manifest *m, uint64_t collection, unsigned reactor);
void manifest_dirty_on(struct manifest *m, uint64_t collection, unsigned reactor);
/* Makes the collection dirty on all reactors. */
void manifest_clean_forget(struct manifest *m, uint64_t collection);
/* For a start with another number of reactors, which write new logs: a collection that was clean on
 * all reactors is clean on all of the new ones. All others are dirty. */
void manifest_clean_extend(struct manifest *m, unsigned reactors);

static inline uint64_t manifest_log_end(const struct manifest *m, unsigned reactor)
{
    return m->log_end && reactor < m->reactors ? m->log_end[reactor] : 0;
}
