/* links_packed.c -- made in two passes, so that the bytes are allocated once and as many as there are.
 *
 * Fixed widths a list (Qdrant's bitpacked links) take about as much; differences of whole bytes are read faster. */
#include "index/links_packed.h"

#include "index/scratch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_ROWS     256 /* some 0.1 ms of sorting */
#define LIST_BYTES_MAX (2 + HOP_MAX / 4 + 4 * HOP_MAX)

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The links of a list in ascending order, each once; returns how many. */
static uint32_t sort(const uint32_t *links, uint32_t links_max, uint32_t ret[HOP_MAX])
{
    uint32_t count = 0, kept = 0;
    while (count < links_max && links[count] != LINK_NONE)
        count++;
    memcpy(ret, links, count * sizeof(ret[0]));
    qsort(ret, count, sizeof(ret[0]), ascending);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || ret[i] != ret[kept - 1])
            ret[kept++] = ret[i];
    return kept;
}

/* Returns how many bytes were written. */
static uint32_t encode(const uint32_t *links, uint32_t links_max, uint8_t ret[LIST_BYTES_MAX])
{
    uint32_t sorted[HOP_MAX], head = 0;
    const uint32_t count = sort(links, links_max, sorted);
    ret[head++] = (uint8_t)count;
    if (links_max > UINT8_MAX)
        ret[head++] = (uint8_t)(count >> 8);
    uint8_t *data = ret + head + (count + 3) / 4;
    return (uint32_t)(data - ret) + (uint32_t)vek_encode_deltas(sorted, count, ret + head, data);
}

/* Where each list will begin. */
static int measure(struct links_packed *p, const struct column *links, uint32_t count, const struct pause *pause)
{
    uint8_t list[LIST_BYTES_MAX];
    uint64_t end = 0;
    for (uint32_t row = 0; row < count; row++) {
        *(uint32_t *)column_at(&p->offsets, row) = (uint32_t)end;
        end += encode(column_at(links, row), p->links_max, list);
        if (end + VEK_DELTAS_SPARE + LINKS_PACKED_UNIT > UINT32_MAX)
            return -E2BIG;
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    *(uint32_t *)column_at(&p->offsets, count) = (uint32_t)end;
    p->size = (end + VEK_DELTAS_SPARE + LINKS_PACKED_UNIT - 1) / LINKS_PACKED_UNIT * LINKS_PACKED_UNIT;
    return 0;
}

static int write_lists(struct links_packed *p, const struct column *links, uint32_t count, const struct pause *pause)
{
    uint8_t list[LIST_BYTES_MAX];
    for (uint32_t row = 0; row < count; row++) {
        const uint32_t bytes = encode(column_at(links, row), p->links_max, list);
        memcpy((uint8_t *)links_packed_at(p, row), list, bytes);
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int links_packed_make(struct links_packed *p, const struct column *links, uint32_t links_max, uint32_t count,
                      const struct pause *pause)
{
    *p = (struct links_packed){.links_max = links_max};
    int rc = column_make(&p->offsets, sizeof(uint32_t), count + 1);
    if (rc == 0)
        rc = measure(p, links, count, pause);
    if (rc == 0)
        rc = column_make(&p->bytes, LINKS_PACKED_UNIT, (uint32_t)(p->size / LINKS_PACKED_UNIT));
    if (rc == 0)
        rc = write_lists(p, links, count, pause);
    if (rc != 0)
        links_packed_fini(p);
    return rc;
}

int links_packed_open(struct links_packed *p, uint32_t links_max, uint32_t count, const void *offsets,
                      const void *bytes, uint64_t size, bool copy, const struct pause *pause)
{
    *p = (struct links_packed){.links_max = links_max, .size = size};
    if (size % LINKS_PACKED_UNIT != 0 || size < VEK_DELTAS_SPARE || size > UINT32_MAX)
        return -EINVAL;
    int rc = column_open(&p->offsets, sizeof(uint32_t), offsets, count + 1, copy, pause);
    if (rc == 0)
        rc = column_open(&p->bytes, LINKS_PACKED_UNIT, bytes, (uint32_t)(size / LINKS_PACKED_UNIT), copy, pause);
    if (rc != 0)
        links_packed_fini(p);
    return rc;
}

void links_packed_fini(struct links_packed *p)
{
    column_fini(&p->offsets);
    column_fini(&p->bytes);
    *p = (struct links_packed){0};
}

uint64_t links_packed_memory(const struct links_packed *p)
{
    return column_bytes(&p->offsets) + column_bytes(&p->bytes);
}

/* How many links a list says it has, if it is no longer and no shorter than that many take; -1 otherwise. */
static int64_t list_count(const struct links_packed *p, const uint8_t *list, uint32_t bytes)
{
    const uint32_t head = p->links_max > UINT8_MAX ? 2 : 1;
    if (bytes < head)
        return -1;
    const uint32_t count = list[0] | (head == 2 ? (uint32_t)list[1] << 8 : 0);
    uint64_t expected = head + (count + 3) / 4;
    if (count > p->links_max || expected > bytes)
        return -1;
    for (uint32_t i = 0; i < (count + 3) / 4 * 4; i++) {
        const uint32_t more = list[head + i / 4] >> i % 4 * 2 & 3; /* bytes beyond the first */
        if (i < count)
            expected += 1 + more;
        else if (more != 0)
            return -1;
    }
    return expected == bytes ? (int64_t)count : -1;
}

static bool list_is_sound(const struct links_packed *p, uint32_t row, uint32_t rows, const uint32_t offset[2])
{
    uint32_t links[HOP_MAX];
    if (offset[1] < offset[0] || offset[1] > p->size - VEK_DELTAS_SPARE)
        return false;
    const int64_t count = list_count(p, p->bytes.rows.chunk[0] + offset[0], offset[1] - offset[0]);
    if (count < 0)
        return false;
    (void)links_packed_read(p, row, links);
    for (int64_t i = 0; i < count; i++)
        if (links[i] >= rows || links[i] == row || (i > 0 && links[i] <= links[i - 1]))
            return false;
    return true;
}

int links_packed_verify(const struct links_packed *p, uint32_t count, const struct pause *pause)
{
    const uint32_t *offsets = column_at(&p->offsets, 0);
    for (uint32_t row = 0; row < count; row++) {
        if (!list_is_sound(p, row, count, offsets + row))
            return -EINVAL;
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}
