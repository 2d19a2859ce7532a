/* copies.c -- finds equal rows: a hash table of leaders with open addressing, by the hash of
 * their vectors. The hashes are not kept, so a larger table is filled from the vectors. */
#include "index/copies.h"

#include "base/bits.h"
#include "base/checksum.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64
/* slots moved to the larger table with each new row; half of them are free,
 * so about a microsecond */
#define SLOTS_PER_ROW   8
#define BYTES_PER_PAUSE (256 * 1024)
#define ROWS_PER_PAUSE  4096
#define LEADERS_SHARE   4 /* leaders are listed when at most one row in so many is a leader */

void copies_fini(struct copies *c)
{
    row_array_fini(&c->next);
    memory_free(c->table.slot);
    memory_free(c->larger.slot);
    memory_free(c->absent_rows);
    memory_free(c->leader);
    *c = (struct copies){0};
}

uint64_t copies_bytes(const struct copies *c)
{
    return row_array_bytes(&c->next) + ((uint64_t)c->table.capacity + c->larger.capacity) * sizeof(uint32_t) +
           (c->absent_rows ? bits_words(c->rows) * sizeof(uint64_t) : 0) + c->leader_count * sizeof(uint32_t);
}

static uint32_t capacity_for(uint32_t leaders)
{
    uint64_t capacity = CAPACITY_MIN;
    while (capacity < 2 * ((uint64_t)leaders + 1))
        capacity *= 2;
    return (uint32_t)capacity;
}

uint64_t copies_bytes_of(uint32_t rows)
{
    return (uint64_t)capacity_for(rows) * sizeof(uint32_t);
}

/* The slot of an equal leader, or the free slot where it would be. */
static uint32_t *find(const struct copies_table *t, const struct rows *vectors, uint32_t dim, uint32_t row)
{
    const size_t bytes = dim * sizeof(float);
    const void *vector = rows_at(vectors, row);
    const uint32_t hash = checksum_crc32c(0, vector, bytes) * 0x9e3779b1u;
    for (uint32_t i = hash >> (__builtin_clz(t->capacity) + 1);; i++) {
        uint32_t *slot = &t->slot[i & (t->capacity - 1)];
        if (*slot == 0 || *slot == row + 1 || memcmp(rows_at(vectors, *slot - 1), vector, bytes) == 0)
            return slot;
    }
}

/* -- growing the table: a few of its slots with each new row -- */

static bool has_room(const struct copies *c, uint32_t parts, uint32_t of)
{
    return (uint64_t)(c->leaders + 1) * of <= (uint64_t)c->table.capacity * parts;
}

static void grow_begin(struct copies *c)
{
    const uint32_t capacity = capacity_for(2 * c->leaders);
    c->larger.slot = calloc(capacity, sizeof(uint32_t));
    c->larger.capacity = c->larger.slot ? capacity : 0;
    c->moved = 0;
}

static void grow_on(struct copies *c, const struct rows *vectors, uint32_t dim)
{
    for (uint32_t i = 0; i < SLOTS_PER_ROW && c->moved < c->table.capacity; i++) {
        const uint32_t leader = c->table.slot[c->moved++];
        if (leader)
            *find(&c->larger, vectors, dim, leader - 1) = leader;
    }
    if (c->moved < c->table.capacity)
        return;
    memory_free(c->table.slot);
    c->table = c->larger;
    c->larger = (struct copies_table){0};
}

/* Growing begins when the table is half full, and ends before it is five eighths full. -ENOMEM
 * when the larger table could not be allocated for long. */
static int make_room(struct copies *c, const struct rows *vectors, uint32_t dim)
{
    if (!c->larger.slot && !has_room(c, 1, 2))
        grow_begin(c);
    if (c->larger.slot)
        grow_on(c, vectors, dim);
    return has_room(c, 3, 4) ? 0 : -ENOMEM;
}

/* -- rings -- */

/* Makes room for the entry of a row. Most collections have no copies, and then no array. */
static int reserve_next(struct copies *c, uint32_t row)
{
    if (c->next_rows == 0 && c->next.rows.stride == 0)
        row_array_init(&c->next, sizeof(uint32_t));
    const int rc = row < c->next_rows ? 0 : row_array_reserve(&c->next, row + 1);
    if (rc == 0 && c->next_rows <= row)
        c->next_rows = row + 1;
    return rc;
}

static int append_copy(struct copies *c, uint32_t leader, uint32_t row)
{
    int rc = reserve_next(c, row);
    if (rc < 0)
        return rc;
    uint32_t *at = row_array_at(&c->next, leader), *of_row = row_array_at(&c->next, row);
    const uint32_t last = *at & COPY_ROW;
    if (last) {
        uint32_t *of_last = row_array_at(&c->next, last - 1);
        *of_row = *of_last;
        *of_last = COPY_FLAG | (row + 1);
    } else {
        *of_row = COPY_FLAG | (row + 1);
    }
    *at = row + 1;
    return 0;
}

static void lead(struct copies *c, const struct rows *vectors, uint32_t dim, uint32_t row, uint32_t *slot)
{
    c->leaders += *slot == 0;
    *slot = row + 1;
    if (c->larger.slot)
        *find(&c->larger, vectors, dim, row) = row + 1;
}

int copies_add(struct copies *c, const struct rows *vectors, uint32_t dim)
{
    const uint32_t row = c->rows;
    int rc = make_room(c, vectors, dim);
    if (rc < 0)
        return rc;
    uint32_t *slot = find(&c->table, vectors, dim, row);
    if (*slot && !(copies_entry(c, *slot - 1) & ABSENT_FLAG))
        rc = append_copy(c, *slot - 1, row);
    else
        lead(c, vectors, dim, row, slot);
    c->rows += rc == 0;
    return rc;
}

int copies_prepare(struct copies *c, const struct rows *vectors, uint32_t dim, uint32_t count,
                   const struct pause *pause)
{
    size_t pending = 0;
    int rc = 0;
    while (rc == 0 && c->rows < count) {
        rc = copies_add(c, vectors, dim);
        pending += SLOTS_PER_ROW * dim * sizeof(float);
        if (rc == 0 && pending >= BYTES_PER_PAUSE) {
            pending = 0;
            rc = pause_here(pause);
        }
    }
    return rc;
}

bool copies_any(const struct copies *c, uint32_t row, const uint64_t *allowed, uint32_t limit)
{
    if (bits_test(allowed, row))
        return true;
    for (uint32_t i = copies_first(c, row); i < limit; i = copies_next(c, row, i))
        if (bits_test(allowed, i))
            return true;
    return false;
}

int copies_leave_out(struct copies *c, uint32_t row, const uint64_t *alive)
{
    if (copies_any(c, row, alive, UINT32_MAX))
        return 0;
    int rc = reserve_next(c, row);
    if (rc < 0)
        return rc;
    *(uint32_t *)row_array_at(&c->next, row) |= ABSENT_FLAG;
    c->absent++;
    return 0;
}

int copies_join(struct copies *c, uint32_t count, const struct pause *pause)
{
    const int rc = reserve_next(c, count - 1);
    return rc == 0 ? row_array_join(&c->next, count, pause) : rc;
}

/* -- opening -- */

static uint32_t ring_copies(const struct copies *c, uint32_t leader)
{
    uint32_t n = 0, last = leader;
    for (uint32_t i = copies_first(c, leader); i != UINT32_MAX; i = copies_next(c, leader, i)) {
        if (i <= last || i >= c->rows || !copies_is_copy(c, i))
            return UINT32_MAX;
        last = i;
        n++;
    }
    return n;
}

static bool names_rows(const struct copies *c, uint32_t row)
{
    const uint32_t entry = copies_entry(c, row);
    const bool both = (entry & COPY_FLAG) && (entry & ABSENT_FLAG);
    return !both && (entry & COPY_ROW) <= c->rows && (!(entry & COPY_FLAG) || (entry & COPY_ROW));
}

/* Checks that every copy is in the ring of a leader, and that rings ascend. *ret_copies:
 * the number of copies. */
static int verify(struct copies *c, uint32_t *ret_copies, const struct pause *pause)
{
    uint64_t flagged = 0, met = 0;
    int rc = 0;
    for (uint32_t row = 0; rc == 0 && row < c->rows; row++) {
        if (!names_rows(c, row))
            return -EINVAL;
        flagged += copies_is_copy(c, row);
        c->absent += !!(copies_entry(c, row) & ABSENT_FLAG);
        if (row % ROWS_PER_PAUSE == 0)
            rc = pause_here(pause);
    }
    for (uint32_t row = 0; rc == 0 && row < c->rows; row++) {
        const uint32_t n = copies_is_copy(c, row) ? 0 : ring_copies(c, row);
        met += n;
        if (n == UINT32_MAX || met > flagged)
            return -EINVAL;
        if (row % ROWS_PER_PAUSE == 0 || n > ROWS_PER_PAUSE)
            rc = pause_here(pause);
    }
    *ret_copies = (uint32_t)flagged;
    return rc == 0 && met != flagged ? -EINVAL : rc;
}

/* Lists leaders where most rows are copies, so that the list takes at most one byte a row. */
static int list_leaders(struct copies *c, uint32_t copies)
{
    if (c->absent || copies < c->rows - c->rows / LEADERS_SHARE)
        return 0;
    c->leader = malloc((size_t)(c->rows - copies) * sizeof(*c->leader));
    if (!c->leader)
        return -ENOMEM;
    for (uint32_t row = 0; row < c->rows; row++)
        if (!copies_is_copy(c, row))
            c->leader[c->leader_count++] = row;
    return 0;
}

int copies_open(struct copies *c, const void *bytes, uint32_t count, bool copy, const struct pause *pause)
{
    uint32_t copies = 0;
    int rc = row_array_open(&c->next, sizeof(uint32_t), bytes, count, copy, pause);
    if (rc != 0)
        return rc;
    c->rows = c->next_rows = count;
    rc = verify(c, &copies, pause);
    if (rc == 0)
        rc = list_leaders(c, copies);
    if (rc != 0 || c->absent == 0)
        return rc;
    c->absent_rows = calloc(bits_words(count), sizeof(uint64_t));
    for (uint32_t row = 0; c->absent_rows && row < count; row++)
        if (copies_entry(c, row) & ABSENT_FLAG)
            for (uint32_t i = row; i != UINT32_MAX; i = i == row ? copies_first(c, row) : copies_next(c, row, i))
                bits_set(c->absent_rows, i);
    return c->absent_rows ? 0 : -ENOMEM;
}
