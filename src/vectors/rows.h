/* rows.h -- fixed-size rows, in one piece (a mapped file) or in chunks (a growing
 * row_array): row i is one shift, one mask and one addition away in both. The struct
 * borrows: who made it owns the bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ROWS_ONE_PIECE 31

struct rows {
    uint8_t **chunk; /* each holds 1 << shift rows */
    /* bytes from one row to the next; a multiple of 64 for vectors and codes, padded with zeros */
    uint32_t stride;
    uint8_t shift; /* ROWS_ONE_PIECE when all rows lie in chunk[0] */
};

static inline const void *rows_at(const struct rows *r, uint32_t row)
{
    return r->chunk[row >> r->shift] + (size_t)(row & (((uint32_t)1 << r->shift) - 1)) * r->stride;
}

/* Where each of some rows is. */
static inline void rows_locate(const struct rows *r, const uint32_t *rows, uint32_t count, const void **ret)
{
    if (r->shift == ROWS_ONE_PIECE && count) { /* no chunk to look up */
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
