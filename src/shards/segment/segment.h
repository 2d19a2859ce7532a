/* segment.h -- rows of a shard: growing (takes writes), frozen (waits to be sealed) or sealed
 * (an immutable file).
 *
 * In all three states, row i has an id, a version, a vector and a payload, and a bit that says
 * whether it is alive. Dead rows stay until the segment is rewritten. A segment also has tombstones
 * of the ids that were deleted while it grew, so that the deletions outlive the log.
 *
 * A segment belongs to one reactor. Other fibers run during a pause. So a fiber that reads a
 * segment across a pause holds it (segment_hold()). */
#pragma once

#include "base/bits.h"
#include "base/memory.h"
#include "reactor/file.h"
#include "shards/collection.h"
#include "shards/manifest/manifest.h"
#include "shards/segment/container.h"
#include "shards/segment/segment_columns.h"
#include "shards/store.h"

struct tombstone {
    struct point_id id;
    uint64_t version;
};

struct payload_at {
    const uint8_t *bytes;
    uint64_t size;
};

/* The options of the index, and the reason for each (index_plan.h). */
struct index_plan {
    struct index_options options;
    struct index_why why;
    bool complete; /* all options are chosen */
};

/* A first chunk that was replaced by a larger one (growing.c). */
struct outgrown {
    struct outgrown *next;
    uint8_t *chunk;
};

/* One value of a fixed size for each row: in chunks while the segment grows, in one piece of the
 * mapping when it is sealed. */
struct row_values {
    struct rows at;
    uint8_t *single; /* the only chunk, where there is one */
    uint32_t room;   /* growing: how many rows have room */
};

/* The rows themselves: how many, their ids and versions, which are alive. */
struct segment_rows {
    uint32_t count, max, dead;
    uint32_t room;   /* growing: how many rows have room now; max: how many may come */
    uint64_t *alive; /* a bit for each row, in alive_words words */
    uint32_t alive_words;
    struct row_values ids, versions;
    uint64_t version_min; /* the lowest of the rows; UINT64_MAX: there are none */
    uint64_t version_max; /* the highest of rows and tombstones */
    /* growing: replaced first chunks, which searches may still read; owned */
    struct outgrown *outgrown;
};

/* One named vector of all rows, and the index over it. */
struct segment_vectors {
    struct row_values values;
    struct segment_index *index; /* NULL: no rows */
    struct index_cost cost;      /* of searches of it on this reactor */
    struct index_plan plan;      /* of the index */
    /* sealed: the index stays in the mapping, because memory was short when it was opened */
    bool index_mapped;
    /* growing, frozen: a fiber works on the index; other fibers wait for store->indexed */
    bool indexing;
};

/* The payloads: in an arena while the segment grows or is frozen, in the mapping when it is
 * sealed. */
struct segment_payloads {
    struct row_values at; /* growing, frozen: struct payload_at for each row */
    struct arena arena;
    const uint64_t *ends;
    const uint8_t *bytes;
    uint64_t size;
};

/* Ids that were deleted while the segment grew. */
struct segment_tombstones {
    struct tombstone *items;
    uint32_t count, capacity;
};

/* How a sealed segment is shared with other reactors (shared_segment.h). */
struct segment_sharing {
    /* a shared segment: the owner on another reactor has the values, index and mapping */
    bool remote;
    bool everywhere; /* all reactors have it, so it may be merged */
    /* on the owner: the number of its share; 0: shared by the start or a merge;
     * SHARE_SEQ_NONE: not shared yet */
    uint64_t seq;
};

/* The successor of a segment. Row i of the segment is row rows[i] of the successor, or row i when
 * rows is NULL. ROW_NONE: the row is not in the successor, because it was dead, or not yet. A
 * search that still reads the old segment asks segment_alive() for deaths in the successor. */
struct segment_succession {
    struct segment *successor; /* held until this segment is destroyed */
    uint32_t *rows;
    bool rows_shared; /* rows belong to the merge, which may run on another reactor */
    bool merging;     /* a merge reads this segment */
};

/* Which part of the log holds records of this segment. */
struct segment_log {
    /* sealed: all records of its rows, and older ones of their ids, lie before this position;
     * UINT64_MAX: not known */
    uint64_t past;
    uint64_t first; /* growing, frozen: its rows do not need the log before this position */
};

#define SEGMENT_VECTORS 1 /* named vectors of a row */

struct segment {
    enum segment_state state;
    uint32_t handle; /* index in the shard's table, to which the id map refers */
    uint64_t id;     /* the id in the manifest; 0 until sealed */
    uint64_t birth;  /* number of the segment in the order in which the shard got them */
    bool searched;   /* whether searches of this reactor read it */

    struct segment_rows rows;
    struct segment_vectors vectors[SEGMENT_VECTORS];
    struct segment_payloads payloads;
    struct segment_columns columns;
    struct segment_tombstones tombstones;
    struct segment_sharing sharing;
    struct segment_succession succession;
    struct segment_log log;

    uint32_t owners, owner;       /* as in struct manifest_segment */
    struct manifest_segment file; /* frozen: the file that was written of it; id 0: none yet */
    struct mapping mapping;       /* sealed */
    /* sealed: the same file, for an index that reads pages; the first read on this reactor opens
     * it, the end of the segment closes it; NULL: not opened */
    struct file *pages;
    /* growing: when it began, and when the last row or tombstone came */
    uint64_t created_ns, written_ns;
    uint64_t disk_bytes;   /* sealed */
    uint64_t memory_bytes; /* growing: of row values */

    uint32_t users; /* fibers that hold it */
    bool retired;   /* it is freed when the last user lets go */
};

#define ROW_NONE         UINT32_MAX
#define SHARE_SEQ_NONE   UINT64_MAX
#define SEGMENT_ROWS_MAX ((uint64_t)1 << 30)

/* -- growing.c -- */

/* Creates an empty growing segment that takes up to rows_max rows. */
MUST_USE int growing_create(const struct collection_config *c, uint32_t rows_max, struct segment **ret);
/* Appends a row, which is alive. vector: dim f32. payload: copied; if owner is not NULL, the
 * payload lies in that arena, and the segment takes over the arena. Returns the row, -ENOMEM, or
 * -ENOSPC when the segment is full. */
MUST_USE int64_t growing_append(struct segment *s, const struct collection_config *c, struct point_id id,
                                uint64_t version, const void *vector, const void *payload, uint32_t payload_size,
                                struct arena *owner);
/* The memory that `more` rows and their columns add, without their payloads and their index. s
 * NULL: to a new segment. */
uint64_t growing_bytes(const struct segment *s, const struct collection_config *c, uint32_t rows_max, uint32_t more);
MUST_USE int growing_add_tombstone(struct segment *s, struct point_id id, uint64_t version);

/* -- sealed.c: these wait; writing is in segment_file.h -- */

/* Maps a sealed segment's file, checks all checksums and opens the index. All rows are alive, and
 * the segment is not searched yet. An index of more than copy_max bytes stays in the mapping,
 * whose pages the kernel may drop. A damaged column is left out and counted (segment_columns.h).
 * -EIO and ERROR_IO, with file and offset: the disk does not give the bytes back. */
MUST_USE int segment_open(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                          uint64_t copy_max, struct segment **ret, struct error *error);
/* The same for a file that was just written, with the whole index in memory. Damage to a column is
 * an error here, because the file can be written again. */
MUST_USE int segment_read_back(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                               struct segment **ret, struct error *error);
/* Checks everything that segment_open() checks, and closes the file. strict: damage to a column is
 * an error. Copies nothing, and takes one bit of memory a row. */
MUST_USE int segment_try(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                         bool strict, uint64_t *ret_bytes, struct error *error);
/* Sets the error for a segment's file that cannot be read. Returns rc. */
int segment_cannot_read(const char *path, uint64_t offset, int rc, struct error *error);
/* Checks every checksum of the sealed segment g, whose file is called path. A column that uses
 * damaged bytes of the file is dropped and counted, and is no error. Pauses. */
MUST_USE int segment_verify(const char *path, struct segment *g, struct error *error);

/* -- all -- */

void segment_destroy(struct segment *s);
static inline void segment_hold(struct segment *s)
{
    s->users++;
}
void segment_let_go(struct segment *s);
/* Frees s now, or when its last user lets go. A large segment is freed in steps,
 * by a background fiber. */
void segment_retire(struct segment *s);

static inline struct point_id segment_id_at(const struct segment *s, uint32_t row)
{
    return *(const struct point_id *)rows_at(&s->rows.ids.at, row);
}
static inline uint64_t segment_version_at(const struct segment *s, uint32_t row)
{
    return *(const uint64_t *)rows_at(&s->rows.versions.at, row);
}
struct payload_at segment_payload_at(const struct segment *s, uint32_t row);
/* -EIO, with file and offset, when a page of the file was lost (mapping_lost()): rows that were
 * read may be zeros. 0: no page was lost. path: of the file, for the error. */
MUST_USE int segment_check_lost(const struct segment *s, const char *path, struct error *error);

/* Whether a growing segment has so few rows that searches scan it. */
bool segment_is_small(const struct segment *s);
/* The same for a segment of so many rows with small payloads. */
bool segment_rows_are_small(uint64_t rows, uint32_t stride);
/* Alive rows that wait for a place in the graph. A small growing segment has no backlog: it needs
 * neither graph nor codes, because scanning it takes microseconds. */
uint32_t segment_backlog(const struct segment *s);

/* Marks the row as dead, here and in all successors. */
void segment_delete_row(struct segment *s, uint32_t row);
/* Whether the row is alive here and in the successors that have it. */
bool segment_alive(const struct segment *s, uint32_t row);
/* Sets the successor of s, which s holds; NULL: none. rows: see struct segment_succession; s owns
 * it afterwards, unless rows_shared is set. */
void segment_set_successor(struct segment *s, struct segment *successor, uint32_t *rows);

/* Creates a shared segment of `of`, another reactor's sealed segment, with all rows alive. It
 * refers to everything of `of` that never changes, so `of` must outlive it. -ENOMEM. */
MUST_USE int segment_share(const struct segment *of, struct segment **ret);
/* Allocates the alive bits and sets them all. -ENOMEM. */
MUST_USE int segment_all_alive(struct segment *s);
/* The reactor that owns the sealed segment: it sealed or merged it, or opened
 * its file at the start. */
static inline unsigned segment_owner(const struct segment *s, unsigned reactors)
{
    return (unsigned)(s->id % reactors);
}
