/* copies.h -- rows whose vectors are equal, byte for byte.
 *
 * The first row of a group is its leader. The leader alone is in the graph and in the lists of
 * unindexed rows; the others are its copies, and a search that finds the leader has found them too.
 * In a graph equal rows would link to each other only, and every build and every search that comes
 * near would end among them (docs/architecture.md).
 *
 * A group is a ring: leader -> last copy -> first copy -> second copy -> .. -> last copy. So a
 * copy is appended in one step, and the copies of a leader are read in ascending order. A row that
 * is alone has no entry.
 *
 * A leader whose rows were all dead when its turn came is left out of the graph (absent); rows
 * equal to it that come later have another leader. */
#pragma once

#include "vectors/row_array.h"

#include <stdbool.h>

#define COPY_FLAG   ((uint32_t)1 << 31) /* the row is a copy */
#define ABSENT_FLAG ((uint32_t)1 << 30) /* the row is a leader, and not in the graph */
#define COPY_ROW    (ABSENT_FLAG - 1)   /* row + 1 of the next in the ring; 0: the row is alone */

struct copies_table {
    uint32_t *slot;    /* [capacity]: leader + 1, at the hash of its vector or behind it; 0: free */
    uint32_t capacity; /* a power of two, or 0 */
};

struct copies {
    struct row_array next; /* row -> flags and COPY_ROW; rows behind its end are alone */
    uint32_t next_rows;    /* in that column; 0: no row is a copy or absent */
    uint32_t rows;         /* that were compared; those below are leaders or copies for good */
    uint32_t leaders;      /* in the table */
    uint32_t absent;       /* rows with ABSENT_FLAG */
    struct copies_table table;
    struct copies_table larger; /* takes its place when it holds the same */
    uint32_t moved;             /* slots of the table that were looked at for it */
    uint64_t *absent_rows;      /* opened from bytes: a bit a row; NULL: none is absent */
    /* opened from bytes, where most rows are copies: all other rows; owned; NULL: not listed */
    uint32_t *leader;
    uint32_t leader_count;
};

void copies_fini(struct copies *c);
uint64_t copies_bytes(const struct copies *c);
/* Memory of the table for so many rows, no two of them equal. */
uint64_t copies_bytes_of(uint32_t rows);

/* Compares row c->rows with those before it. Takes a microsecond or two. -ENOMEM. */
MUST_USE int copies_add(struct copies *c, const struct rows *vectors, uint32_t dim);
/* Compares all rows below count. -ENOMEM, or what the pause returned: then another call goes on. */
MUST_USE int copies_prepare(struct copies *c, const struct rows *vectors, uint32_t dim, uint32_t count,
                            const struct pause *pause);
/* Leaves leader `row` out of the graph if it and its copies are all dead. -ENOMEM */
MUST_USE int copies_leave_out(struct copies *c, uint32_t row, const uint64_t *alive);

/* Lays the entries of rows below count out in one piece (column.h). -ENOMEM, or
 * what the pause returned. */
MUST_USE int copies_join(struct copies *c, uint32_t count, const struct pause *pause);

/* Opens what `next` held of `count` rows: borrows the bytes, or copies them. -EINVAL when they make
 * no rings; -ENOMEM, or what the pause returned. */
MUST_USE int copies_open(struct copies *c, const void *bytes, uint32_t count, bool copy, const struct pause *pause);

static inline uint32_t copies_entry(const struct copies *c, uint32_t row)
{
    return row < c->next_rows ? *(const uint32_t *)row_array_at(&c->next, row) : 0;
}

/* Whether the graph holds the row itself, once its turn has come. */
static inline bool copies_is_linked(const struct copies *c, uint32_t row)
{
    return !(copies_entry(c, row) & (COPY_FLAG | ABSENT_FLAG));
}

static inline bool copies_is_copy(const struct copies *c, uint32_t row)
{
    return copies_entry(c, row) & COPY_FLAG;
}

/* The first copy of a leader, or UINT32_MAX. */
static inline uint32_t copies_first(const struct copies *c, uint32_t leader)
{
    const uint32_t entry = copies_entry(c, leader);
    return (entry & COPY_FLAG) || !(entry & COPY_ROW) ? UINT32_MAX
                                                      : (copies_entry(c, (entry & COPY_ROW) - 1) & COPY_ROW) - 1;
}

/* The one behind it, or UINT32_MAX. */
static inline uint32_t copies_next(const struct copies *c, uint32_t leader, uint32_t copy)
{
    return copy == (copies_entry(c, leader) & COPY_ROW) - 1 ? UINT32_MAX : (copies_entry(c, copy) & COPY_ROW) - 1;
}

/* Is the row, or one of its copies below `limit`, in the bit set? */
bool copies_any(const struct copies *c, uint32_t row, const uint64_t *allowed, uint32_t limit);
