/* segment_columns.h -- the columns of a segment: one for each indexed field.
 *
 * A column is made from payloads and can always be made again from them. A segment may lack one:
 * the field was added later, or there was no memory for it. A filter then reads payloads, until
 * background work has built the column. Searches use a column across pauses, so it is held while
 * they do. A shared segment uses the columns of its owner. */
#pragma once

#include "columns/column.h"
#include "columns/schema.h"
#include "reactor/fibers/sync.h"

struct collection_config;
struct payload_reader;
struct segment;

struct segment_column {
    struct column column;
    struct segment_column *next;
    uint32_t users; /* searches that read it across a pause */
    bool borrowed;  /* the state is that of the owner's column */
    bool told;      /* ours: some reactors may have borrowed it */
    bool shared;    /* ours: all have, or need not */
    /* freed when the last user lets go, and when the other reactors have given it back */
    bool dropped;
    struct event let_go; /* a dropped one has lost its last user */
    char path[FIELD_PATH_MAX];
};

struct segment_columns {
    struct segment_column *first, *dropped; /* owned */
};

/* NULL: there is none, or it does not have all rows yet. */
struct segment_column *segment_column_find(const struct segment *s, uint16_t field);
static inline void segment_column_hold(struct segment_column *c)
{
    c->users++;
}
void segment_column_let_go(struct segment_column *c);

/* A growing segment gets a column for each field; a field without memory gets none. */
void segment_columns_begin(struct segment *s, const struct schema *schema);
/* The row that comes next, with this payload. A column that has no memory for it is dropped. */
void segment_columns_append(struct segment *s, const void *payload, uint32_t size);
/* Builds the column of a field from payloads; rows that are written meanwhile are in it, too. 1:
 * it was built; 0: it is there. -ENOMEM, or what the pause returned. Waits at pauses; the segment
 * is held by the caller. */
MUST_USE int segment_column_build(struct segment *s, const struct field_spec *field, const struct pause *pause);
/* Appends row `row` of s to a column of that field: from the column of s, or from the payload. */
MUST_USE int segment_column_copy_row(const struct segment *s, uint32_t row, const char *path, struct payload_reader *r,
                                     struct column *to);
/* Takes over a column that is complete. -ENOMEM: the caller still has it. */
MUST_USE int segment_column_add(struct segment *s, const struct column *column, const char *path);
/* The same with a column of the owner of a shared segment. -ENOMEM. */
MUST_USE int segment_column_borrow(struct segment *s, const struct column *column, const char *path);
/* Drops a borrowed column, and waits until no search reads it. */
void segment_column_return(struct segment *s, const struct column *column);
/* The other reactors have given a column of ours back, which was dropped: frees it, now or when
 * its last user lets go. */
void segment_column_free_dropped(struct segment *s, struct segment_column *c);
/* Drops columns of fields that the schema does not have. */
void segment_columns_keep(struct segment *s, const struct schema *schema);
uint64_t segment_columns_bytes(const struct segment *s);
void segment_columns_fini(struct segment *s);
