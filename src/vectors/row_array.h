/* row_array.h -- rows that grow without moving: chunks of some megabytes on huge pages,
 * added one at a time.
 *
 * Only the first chunk is ever copied, while it is smaller than a huge page. So an empty array
 * takes no memory, a small one little, and a large one never stalls to grow. Readers go through
 * `rows`, and hold no pointer to a row across a pause. */
#pragma once

#include "base/check.h"
#include "base/pause.h"
#include "vectors/rows.h"
#include <stdbool.h>

struct row_array {
    struct rows rows;
    uint32_t chunks;      /* number of chunks */
    uint32_t chunk_slots; /* capacity of rows.chunk */
    /* capacity of chunk 0 while it is the only one and small; 0: it has its full size */
    uint32_t first_rows;
    uint32_t joined; /* how many of the first chunks lie in `piece` */
    void *piece;     /* owned when piece_bytes is not 0, else borrowed or NULL */
    uint64_t piece_bytes;
};

void row_array_init(struct row_array *c, uint32_t stride);
void row_array_fini(struct row_array *c);
/* Gives the memory back to the system, with pauses, so that row_array_fini() takes no time. Only
 * row_array_fini() may follow. */
void row_array_give_back(struct row_array *c, void (*pause)(void));
/* Makes room for rows [0, count); new rows are zero. -ENOMEM. */
MUST_USE int row_array_reserve(struct row_array *c, uint32_t count);
/* Makes the array `count` rows of zeros, in one owned piece on huge pages. -ENOMEM. */
MUST_USE int row_array_make(struct row_array *c, uint32_t stride, uint32_t count);
/* Makes the array `count` rows of borrowed bytes, or of an owned copy on huge pages, which is
 * made with pauses. -ENOMEM, or what the pause returned. */
MUST_USE int row_array_open(struct row_array *c, uint32_t stride, const void *bytes, uint32_t count, bool copy,
                            const struct pause *pause);
/* Lays rows [0, count) out in one piece, chunk by chunk, with pauses; readers may read
 * meanwhile. The array can still grow afterwards. -ENOMEM, or what the pause returned; then
 * another call goes on. */
MUST_USE int row_array_join(struct row_array *c, uint32_t count, const struct pause *pause);
uint64_t row_array_bytes(const struct row_array *c);
/* The memory of an array that has grown to so many rows. */
uint64_t row_array_bytes_of(uint32_t stride, uint32_t count);

static inline void *row_array_at(const struct row_array *c, uint32_t row)
{
    return (void *)rows_at(&c->rows, row);
}

/* The bytes of an array that lies in one piece; NULL: it has no rows. */
static inline const void *row_array_piece(const struct row_array *c)
{
    return c->chunks ? c->rows.chunk[0] : NULL;
}
