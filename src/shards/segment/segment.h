/* segment.h -- rows of a shard: growing (takes writes), frozen (waits to be sealed) or sealed
 * (an immutable file).
 *
 * In all three, row i has an id, a version, a vector and a payload, and a bit that says whether it
 * is alive: dead rows stay until the segment is rewritten. A segment also carries tombstones: ids
 * that were deleted while it grew, so that the deletions survive the log. Belongs to one reactor.
 * Fibers interleave at pauses, so who reads a segment across one holds it (segment_hold()). */
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

/* How the index is made, or was, and why (index_plan.h). */
struct index_plan {
    struct index_options options;
    struct index_why why;
    bool complete; /* nothing in options is open */
};

/* A first chunk that a larger one took the place of (growing.c). */
struct outgrown {
    struct outgrown *next;
    uint8_t *chunk;
};

/* A value of one size for each row: in chunks while the segment grows, in one piece in the mapping
 * when it is sealed. */
struct row_values {
    struct rows at;
    uint8_t *single; /* the one chunk, while or when there is one */
    uint32_t room;   /* growing: rows there is room for */
};

/* Which rows there are. */
struct segment_rows {
    uint32_t count, max, dead;
    uint32_t room;   /* growing: rows there is room for now; max: that there may be */
    uint64_t *alive; /* bit per row, alive_words of 64 */
    uint32_t alive_words;
    struct row_values ids, versions;
    uint64_t version_min; /* of the rows; UINT64_MAX: there are none */
    uint64_t version_max; /* of rows and tombstones */
    /* growing: first chunks, kept for searches that still read them; owned */
    struct outgrown *outgrown;
};

/* One named vector of each row, and the index over them. */
struct segment_vectors {
    struct row_values values;
    struct segment_index *index; /* NULL: no rows */
    struct index_plan plan;      /* of the index */
    /* sealed: the index lies in the mapping, because memory was short at its opening */
    bool index_mapped;
    /* growing, frozen: a fiber brings the index up to its rows; another waits for store->indexed */
    bool indexing;
};

/* Growing and frozen: in an arena. Sealed: in the mapping. */
struct segment_payloads {
    struct row_values at; /* of struct payload_at; growing and frozen */
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

/* A sealed segment on all reactors (shared_segment.h). */
struct segment_sharing {
    bool borrowed;   /* values, index and mapping belong to the same segment on another reactor */
    bool everywhere; /* all reactors have it, so that it may be merged */
    /* ours: the number of its share to the others; 0: by the start; SHARE_SEQ_NONE: not yet */
    uint64_t seq;
};

/* What takes this segment's place, if anything. Row i lives on there as row rows[i], or as i when
 * rows is NULL. ROW_NONE: it has no place there, because it was dead, or has none yet. A search
 * that still reads this segment learns of deaths through segment_alive(). */
struct segment_succession {
    struct segment *successor; /* held while this one lives */
    uint32_t *rows;
    bool rows_shared; /* rows belong to the merge, on whichever reactor that runs */
    bool merging;     /* a merge reads it */
};

/* Which part of the log a segment stands for. */
struct segment_log {
    /* sealed: records older than its newest lie before this position; UINT64_MAX: not known */
    uint64_t past;
    uint64_t first; /* growing, frozen: no record that is only here lies before this position */
};

#define SEGMENT_VECTORS 1 /* named vectors a row */

struct segment {
    enum segment_state state;
    uint32_t handle; /* in the shard's table; the id map points to it */
    uint64_t id;     /* in the manifest; 0 until sealed */
    uint64_t birth;  /* grows with every segment the shard gets */
    bool searched;   /* by this reactor's searches */

    struct segment_rows rows;
    struct segment_vectors vectors[SEGMENT_VECTORS];
    struct segment_payloads payloads;
    struct segment_columns columns;
    struct segment_tombstones tombstones;
    struct segment_sharing sharing;
    struct segment_succession succession;
    struct segment_log log;

    uint32_t owners, owner;       /* as in the manifest */
    struct manifest_segment file; /* frozen: what was written of it; id 0: nothing yet */
    struct mapping mapping;       /* sealed */
    /* sealed: the same file, for an index that reads pages; opened by the first read on this
     * reactor, closed with the segment; NULL: none was */
    struct file *pages;
    /* growing: when it began, when the last row or tombstone came */
    uint64_t created_ns, written_ns;
    uint64_t disk_bytes;   /* sealed */
    uint64_t memory_bytes; /* growing: of row values */

    uint32_t users; /* fibers that read it across a pause */
    bool retired;   /* freed when the last user lets go */
};

#define ROW_NONE         UINT32_MAX
#define SHARE_SEQ_NONE   UINT64_MAX
#define SEGMENT_ROWS_MAX ((uint64_t)1 << 30)

/* -- growing.c -- */

/* An empty growing segment with room for rows_max rows. */
MUST_USE int growing_create(const struct collection_config *c, uint32_t rows_max, struct segment **ret);
/* Appends a row, alive; vector: dim f32; payload: copied, or, when it lies in `owner`, taken over
 * with all of that arena. Returns the row, or -ENOMEM, or -ENOSPC when the segment is full. */
MUST_USE int64_t growing_append(struct segment *s, const struct collection_config *c, struct point_id id,
                                uint64_t version, const void *vector, const void *payload, uint32_t payload_size,
                                struct arena *owner);
/* What so many rows more take, without their payloads and their index; s NULL: in a
 * segment that they begin. */
uint64_t growing_bytes(const struct segment *s, const struct collection_config *c, uint32_t rows_max, uint32_t more);
MUST_USE int growing_add_tombstone(struct segment *s, struct point_id id, uint64_t version);

/* -- sealed.c: these wait; writing is in segment_file.h -- */

/* Maps a sealed segment's file, checks all checksums and opens the index. All rows are alive; it is
 * not searched yet. An index of more than copy_max bytes stays in the mapping, where its pages are
 * the kernel's to drop. -EIO and ERROR_IO, with file and offset: the disk does not give it back. */
MUST_USE int segment_open(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                          uint64_t copy_max, struct segment **ret, struct error *error);
/* Would it open? Everything is checked as above, but nothing is copied: it takes a bit a row. */
MUST_USE int segment_try(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                         uint64_t *ret_bytes, struct error *error);
/* The sentence on a segment's file that cannot be read. Returns rc. */
int segment_cannot_read(const char *path, uint64_t offset, int rc, struct error *error);
/* Checks every checksum of the sealed segment g, whose file is called path. */
MUST_USE int segment_verify(const char *path, const struct segment *g, struct error *error);

/* -- all -- */

void segment_destroy(struct segment *s);
static inline void segment_hold(struct segment *s)
{
    s->users++;
}
void segment_let_go(struct segment *s);
/* Frees s, now or when its last user lets go; a large one in a background fiber, a piece at a
 * time. */
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
/* A page of the file, which is called path, was lost (mapping_lost()): what was read of the segment
 * may be zeros. -EIO and a sentence with file and offset; 0: none was. */
MUST_USE int segment_check_lost(const struct segment *s, const char *path, struct error *error);

/* A growing segment with so few rows that searches scan it. */
bool segment_is_small(const struct segment *s);
/* The same of one that had so many rows, and none but few and small payloads. */
bool segment_rows_are_small(uint64_t rows, uint32_t stride);
/* Living rows that wait for a place in the graph. A growing segment of few rows needs neither graph
 * nor codes, because scanning it takes microseconds: it has no backlog. */
uint32_t segment_backlog(const struct segment *s);

/* The row is dead, here and in all that takes this segment's place. */
void segment_delete_row(struct segment *s, uint32_t row);
/* Is it alive, here or in what has taken this segment's place? */
bool segment_alive(const struct segment *s, uint32_t row);
/* successor takes s's place, if rows is not NULL row i as rows[i]; NULL: nothing does. Owns rows,
 * unless they are lent; holds successor. */
void segment_set_successor(struct segment *s, struct segment *successor, uint32_t *rows);

/* The same sealed segment on another reactor: borrows all that never changes, with all rows alive;
 * -ENOMEM. `of` must outlive it. */
MUST_USE int segment_share(const struct segment *of, struct segment **ret);
/* All rows alive; -ENOMEM. */
MUST_USE int segment_all_alive(struct segment *s);
/* The reactor whose log, and later whose memory, a sealed segment came from. */
static inline unsigned segment_owner(const struct segment *s, unsigned reactors)
{
    return (unsigned)(s->id % reactors);
}
