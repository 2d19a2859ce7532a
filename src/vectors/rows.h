/* rows.h -- rows of one size, in one piece (a mapped file) or in chunks (a growing
 * row_array). Finding row i takes a shift, a mask and an addition in both. The struct
 * only borrows the bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ROWS_ONE_PIECE 31

struct rows {
    uint8_t **chunk; /* each chunk holds 1 << shift rows */
    /* bytes from one row to the next; for vectors and codes a multiple of 64, padded with zeros */
    uint32_t stride;
    uint8_t shift; /* ROWS_ONE_PIECE when all rows lie in chunk[0] */
};

static inline const void *rows_at(const struct rows *r, uint32_t row)
{
    return r->chunk[row >> r->shift] + (size_t)(row & (((uint32_t)1 << r->shift) - 1)) * r->stride;
}

/* Writes the addresses of some rows. */
static inline void rows_locate(const struct rows *r, const uint32_t *rows, uint32_t count, const void **ret)
{
    if (r->shift == ROWS_ONE_PIECE && count) { /* needs no look-up of a chunk */
        const uint8_t *first = r->chunk[0];
        const size_t stride = r->stride;
        for (uint32_t i = 0; i < count; i++)
            ret[i] = first + rows[i] * stride;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        ret[i] = rows_at(r, rows[i]);
}

static inline uint32_t rows_stride(size_t bytes)
{
    return (uint32_t)((bytes + 63) & ~(size_t)63);
}
