/* links_packed.h -- the links of a graph's lowest layer in about half the bytes, for graphs
 * that no longer grow.
 *
 * The links of a row are a set of numbers below the count of rows. They are stored as a set of
 * vek, all of one size, so that no table is needed to find the set of a row. 32 links of up to
 * half a million rows take 64 bytes, one cache line instead of two; of a million rows, 72 bytes.
 * They are read in ascending order. The order by distance is lost, but no walk needs it. */
#pragma once

#include "vectors/row_array.h"
#include "vek.h"
#include <stdbool.h>

#define LINK_NONE UINT32_MAX

struct links_packed {
    struct vek_set_shape shape; /* max 0: nothing is packed */
    /* one for each row; some zeros behind the last, for readers of 64 bytes at once */
    struct row_array sets;
};

/* Packs `count` lists of up to links_max links, which end at LINK_NONE. -ENOMEM, or
 * what the pause returned. */
MUST_USE int links_packed_make(struct links_packed *p, const struct row_array *links, uint32_t links_max,
                               uint32_t count, const struct pause *pause);
/* Opens packed links: borrows the bytes until links_packed_fini(), or copies them to huge pages.
 * -EINVAL when the size is wrong; -ENOMEM, or what the pause returned. */
MUST_USE int links_packed_open(struct links_packed *p, uint32_t links_max, uint32_t count, const void *bytes,
                               uint64_t size, bool copy, const struct pause *pause);
void links_packed_fini(struct links_packed *p);
/* Bytes of `count` sets and the zeros behind them. */
uint64_t links_packed_size(const struct links_packed *p, uint32_t count);

/* Checks that every set of an opened graph names other rows below `count`. -EINVAL, or
 * what the pause returned. */
MUST_USE int links_packed_verify(const struct links_packed *p, uint32_t count, const struct pause *pause);

/* Reads the links of a row, ascending, into `ret`, which has room for links_max rounded up to
 * 16. Returns their number. */
static inline uint32_t links_packed_read(const struct links_packed *p, uint32_t row, uint32_t *ret)
{
    return vek.set_read(&p->shape, row_array_at(&p->sets, row), ret);
}

static inline void links_packed_prefetch(const struct links_packed *p, uint32_t row)
{
    const uint8_t *set = row_array_at(&p->sets, row);
    for (uint32_t i = 0; i < p->shape.bytes; i += 64)
        __builtin_prefetch(set + i, 0, 3);
    __builtin_prefetch(set + p->shape.bytes - 1, 0, 3);
}
