/* links_packed.h -- the links of a graph's lowest layer in little more than half the bytes, for graphs that no longer grow.
 *
 *   offsets   u32 [rows + 1]    where the list of a row begins among the bytes; the last is where they end
 *   bytes     of each list: how many links (u8, or u16 when there may be more than 255), then the links ascending, as
 *             differences of 1 to 4 bytes (vek_encode_deltas()); zeros behind the last, up to a multiple of 64
 *
 * A list is read into a buffer: some 10 ns for 32 links. Ascending order loses which link is nearest; no walk asks. */
#pragma once

#include "index/column.h"
#include "vek.h"

#define LINK_NONE UINT32_MAX

struct links_packed {
    uint32_t links_max; /* of a row; 0: nothing is packed here */
    uint64_t size;      /* of the bytes */
    struct column offsets;
    struct column bytes; /* in rows of LINKS_PACKED_UNIT */
};
#define LINKS_PACKED_UNIT 64

/* Packs `count` lists of up to links_max links, which end at LINK_NONE. -ENOMEM; -E2BIG when they take 4 GiB or more; or
 * what the pause returned. */
MUST_USE int links_packed_make(struct links_packed *p, const struct column *links, uint32_t links_max, uint32_t count,
                               const struct pause *pause);
/* Opens what was made: borrows the bytes until fini, or copies them to huge pages. -EINVAL when size is not a multiple of
 * the unit; -ENOMEM, or what the pause returned. */
MUST_USE int links_packed_open(struct links_packed *p, uint32_t links_max, uint32_t count, const void *offsets,
                               const void *bytes, uint64_t size, bool copy, const struct pause *pause);
void links_packed_fini(struct links_packed *p);
uint64_t links_packed_memory(const struct links_packed *p);

/* Checks every list of an opened graph of `count` rows: within the bytes, ascending, of other rows. -EINVAL, or what the
 * pause returned. Until it has passed, nothing below may be called. */
MUST_USE int links_packed_verify(const struct links_packed *p, uint32_t count, const struct pause *pause);

static inline const uint8_t *links_packed_at(const struct links_packed *p, uint32_t row)
{
    const uint32_t *offset = column_at(&p->offsets, row);
    return p->bytes.rows.chunk[0] + *offset;
}

/* Reads a row's links into `ret`, which has room for links_max rounded up to 4; returns how many. */
static inline uint32_t links_packed_read(const struct links_packed *p, uint32_t row, uint32_t *ret)
{
    const uint8_t *at = links_packed_at(p, row);
    uint32_t count = *at++;
    if (p->links_max > UINT8_MAX)
        count |= (uint32_t)*at++ << 8;
    vek.decode_deltas(at, at + (count + 3) / 4, count, ret);
    return count;
}

/* Most lists lie on two cache lines. */
static inline void links_packed_prefetch(const struct links_packed *p, uint32_t row)
{
    const uint8_t *at = links_packed_at(p, row);
    __builtin_prefetch(at, 0, 3);
    __builtin_prefetch(at + 64, 0, 3);
}
