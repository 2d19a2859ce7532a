/* segment_columns.h -- the columns of a segment: one for each indexed field.
 *
 * A column is made from payloads, and can always be made again from them. A segment may lack a
 * column, because the field was added later, because memory was short, or because the column in the
 * file is damaged. A column may also lag: it lacks the rows behind a long payload. Then a filter
 * reads payloads, until background work has built the column. A search holds a column while it
 * reads it across pauses. A shared segment uses the columns of its owner. */
#pragma once

#include "columns/column.h"
#include "columns/schema.h"
#include "reactor/fibers/sync.h"

#define PAYLOAD_AT_ONCE ((uint32_t)128 << 10) /* bytes of payloads between two pauses: 0.4 ms */

struct collection_config;
struct payload_reader;
struct segment;

enum segment_column_state {
    COLUMN_READY,    /* searches read it */
    COLUMN_LAGS,     /* rows are missing; background work appends them */
    COLUMN_LEFT_OUT, /* a column cannot have so many values as the payloads have */
};

struct segment_column {
    struct column column;
    enum segment_column_state state;
    struct segment_column *next;
    uint32_t users; /* searches that hold it */
    bool borrowed;  /* of a shared segment: the state belongs to the owner's column */
    bool told;      /* on the owner: other reactors may use it */
    bool shared;    /* on the owner: every other reactor uses it, or does not need it */
    /* freed when the last user lets go, and all other reactors have returned it */
    bool dropped;
    struct event let_go; /* a dropped column has lost its last user */
    char path[FIELD_PATH_MAX];
};

struct segment_columns {
    struct segment_column *first, *dropped; /* owned */
    uint32_t damaged; /* columns left out or dropped, because their bytes in the file are damaged */
};

/* The column of that field; NULL: there is none, or it is not ready. */
struct segment_column *segment_column_find(const struct segment *s, uint16_t field);
static inline void segment_column_hold(struct segment_column *c)
{
    c->users++;
}
void segment_column_let_go(struct segment_column *c);

/* Creates the columns of a new growing segment, one for each field. A field for which there is
 * no memory gets none. */
void segment_columns_begin(struct segment *s, const struct schema *schema);
/* Whether a column of that field can be built, because there is none, or it lags. */
bool segment_column_is_due(const struct segment *s, uint16_t field);
/* Appends a row with this payload to all columns that are ready. A column that gets no memory for
 * it is dropped. With a payload of more than PAYLOAD_AT_ONCE bytes all columns lag. */
void segment_columns_append(struct segment *s, const void *payload, uint32_t size);
/* Builds the column of a field from payloads, or the rest of a column that lags, with the rows that
 * come meanwhile. 1: it was built; 0: it was there, or was left out; -ENOMEM: it was dropped; or
 * what the pause returned: the next call goes on from there. The caller holds the segment. */
MUST_USE int segment_column_build(struct segment *s, const struct field_spec *field, const struct pause *pause);
/* Appends the value of a row of s to a column of the same field. It comes from the column of s,
 * or from the payload. */
MUST_USE int segment_column_copy_row(const struct segment *s, uint32_t row, const char *path, struct payload_reader *r,
                                     struct column *to);
/* Takes over a complete column. -ENOMEM: the caller still owns it. */
MUST_USE int segment_column_add(struct segment *s, const struct column *column, const char *path);
/* Adds a column of the owner to a shared segment. -ENOMEM. */
MUST_USE int segment_column_borrow(struct segment *s, const struct column *column, const char *path);
/* Drops a column of the owner from a shared segment, and waits until no search here reads it. */
void segment_column_return(struct segment *s, const struct column *column);
/* Frees a dropped column that all other reactors have returned. Waits until its last user lets
 * go. */
void segment_column_free_dropped(struct segment *s, struct segment_column *c);
/* Counts and logs that the column of the field `path` in the file is damaged, and is left out.
 * what, why: the damage, as in "makes no sense (no rows)". */
void segment_column_note_damage(struct segment *s, const char *file, const char *path, const char *what,
                                const char *why);
/* Drops the column of that field if it uses bytes of the file, which are damaged. */
void segment_column_drop_damaged(struct segment *s, uint16_t field, const char *file);
/* Drops columns of fields that the schema does not have. */
void segment_columns_keep(struct segment *s, const struct schema *schema);
uint64_t segment_columns_bytes(const struct segment *s);

/* -- memory that columns will need; a row that no column has counts as one value -- */

/* To append `more` rows to the columns of a growing segment. s NULL: of a new one. */
uint64_t segment_columns_growth(const struct segment *s, const struct schema *schema, uint32_t more);
/* To build the column of that field, or the rest of one that lags. */
uint64_t segment_column_build_bytes(const struct segment *s, const struct field_spec *field);
/* To write the columns of a new segment, one after the other, with `rows` of the rows of the
 * segments `from`. count 0: of rows that no segment has yet. */
uint64_t segment_columns_write_bytes(const struct schema *schema, struct segment *const *from, uint32_t count,
                                     uint32_t rows);
void segment_columns_fini(struct segment *s);
