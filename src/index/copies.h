/* copies.h -- rows whose vectors are equal, byte for byte.
 *
 * The first row of a group of equal rows is its leader; the others are its copies. Only the
 * leader is in the graph and in the lists of unindexed rows. A search that finds the leader has
 * found its copies too. In a graph, equal rows would link only to each other, and every build or
 * search that comes near them would end there (docs/architecture.md).
 *
 * A group is a ring: leader -> last copy -> first copy -> second copy -> .. -> last copy. So a
 * copy is appended in one step, and the copies of a leader are read in ascending order. A row
 * without copies has no entry.
 *
 * If a leader and all its copies are dead when the build comes to the leader, the graph leaves
 * it out (absent). Later rows that are equal to it get another leader. */
#pragma once

#include "vectors/row_array.h"

#include <stdbool.h>

#define COPY_FLAG   ((uint32_t)1 << 31) /* the row is a copy */
#define ABSENT_FLAG ((uint32_t)1 << 30) /* the row is a leader that the graph leaves out */
/* mask of the next row of the ring, plus 1; 0: the row has no copies */
#define COPY_ROW (ABSENT_FLAG - 1)

struct copies_table {
    uint32_t *slot;    /* [capacity]: leader + 1, at the hash of its vector or behind it; 0: free */
    uint32_t capacity; /* a power of two, or 0 */
};

struct copies {
    struct row_array next; /* row -> flags and COPY_ROW; rows behind its end have no copies */
    uint32_t next_rows;    /* rows of that array; 0: no row is a copy or absent */
    /* rows that were compared; each of them is a leader or a copy for good */
    uint32_t rows;
    uint32_t leaders; /* in the table */
    uint32_t absent;  /* rows with ABSENT_FLAG */
    struct copies_table table;
    struct copies_table larger; /* replaces `table` when it holds the same leaders */
    uint32_t moved;             /* slots of `table` that were moved to `larger` */
    /* only of an opened index: a bit for each absent row and its copies; NULL: none */
    uint64_t *absent_rows;
    /* only of an opened index in which most rows are copies: all leaders;
     * owned; NULL: not listed */
    uint32_t *leader;
    uint32_t leader_count;
};

void copies_fini(struct copies *c);
uint64_t copies_bytes(const struct copies *c);
/* Memory of the table for so many rows without copies. */
uint64_t copies_bytes_of(uint32_t rows);

/* Compares row c->rows with those before it. Takes 1 to 2 microseconds. -ENOMEM. */
MUST_USE int copies_add(struct copies *c, const struct rows *vectors, uint32_t dim);
/* Compares all rows below count. -ENOMEM, or what the pause returned; then another call goes on. */
MUST_USE int copies_prepare(struct copies *c, const struct rows *vectors, uint32_t dim, uint32_t count,
                            const struct pause *pause);
/* Leaves leader `row` out of the graph if it and its copies are all dead. -ENOMEM. */
MUST_USE int copies_leave_out(struct copies *c, uint32_t row, const uint64_t *alive);

/* Lays the entries of rows below count out in one piece (row_array.h). -ENOMEM, or
 * what the pause returned. */
MUST_USE int copies_join(struct copies *c, uint32_t count, const struct pause *pause);

/* Opens the bytes of `next` for `count` rows; borrows or copies them. -EINVAL when they make no
 * rings. -ENOMEM, or what the pause returned. */
MUST_USE int copies_open(struct copies *c, const void *bytes, uint32_t count, bool copy, const struct pause *pause);

static inline uint32_t copies_entry(const struct copies *c, uint32_t row)
{
    return row < c->next_rows ? *(const uint32_t *)row_array_at(&c->next, row) : 0;
}

/* True for a leader that the graph holds, or will hold when the build comes to it. */
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

/* The copy behind `copy`, or UINT32_MAX. */
static inline uint32_t copies_next(const struct copies *c, uint32_t leader, uint32_t copy)
{
    return copy == (copies_entry(c, leader) & COPY_ROW) - 1 ? UINT32_MAX : (copies_entry(c, copy) & COPY_ROW) - 1;
}

/* True when the row, or one of its copies below `limit`, is in the bit set. */
bool copies_any(const struct copies *c, uint32_t row, const uint64_t *allowed, uint32_t limit);
