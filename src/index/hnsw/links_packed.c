/* links_packed.c -- packs the links of a sealed graph, and reads them. Qdrant packs links too,
 * with a fixed width for each list and a table of offsets. Differences in whole bytes behind
 * such a table were tried here. They are as small, but a hop waits for memory twice, and
 * searches were 5 to 18 % slower than with plain links. */
#include "index/hnsw/links_packed.h"

#include "index/scratch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_ROWS 256 /* about 0.1 ms of sorting */

static uint32_t slots(const struct links_packed *p, uint32_t count)
{
    return count + (VEK_SET_SPARE + p->shape.bytes - 1) / p->shape.bytes;
}

uint64_t links_packed_size(const struct links_packed *p, uint32_t count)
{
    return (uint64_t)slots(p, count) * p->shape.bytes;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the links of a list in ascending order, without repetitions. Returns their number. */
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

static int write_sets(struct links_packed *p, const struct row_array *links, uint32_t count, const struct pause *pause)
{
    uint32_t sorted[HOP_MAX];
    for (uint32_t row = 0; row < count; row++) {
        const uint32_t n = sort(row_array_at(links, row), p->shape.max, sorted);
        vek_set_write(&p->shape, sorted, n, row_array_at(&p->sets, row));
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int links_packed_make(struct links_packed *p, const struct row_array *links, uint32_t links_max, uint32_t count,
                      const struct pause *pause)
{
    *p = (struct links_packed){0};
    vek_set_shape_init(&p->shape, links_max, count);
    int rc = row_array_make(&p->sets, p->shape.bytes, slots(p, count));
    if (rc == 0)
        rc = write_sets(p, links, count, pause);
    if (rc != 0)
        links_packed_fini(p);
    return rc;
}

int links_packed_open(struct links_packed *p, uint32_t links_max, uint32_t count, const void *bytes, uint64_t size,
                      bool copy, const struct pause *pause)
{
    *p = (struct links_packed){0};
    vek_set_shape_init(&p->shape, links_max, count);
    if (size != links_packed_size(p, count)) {
        links_packed_fini(p);
        return -EINVAL;
    }
    int rc = row_array_open(&p->sets, p->shape.bytes, bytes, slots(p, count), copy, pause);
    if (rc != 0)
        links_packed_fini(p);
    return rc;
}

void links_packed_fini(struct links_packed *p)
{
    row_array_fini(&p->sets);
    *p = (struct links_packed){0};
}

static bool set_is_sound(const struct links_packed *p, uint32_t row, uint32_t rows)
{
    uint32_t links[HOP_MAX];
    const uint32_t n = links_packed_read(p, row, links);
    for (uint32_t i = 0; i < n; i++)
        if (links[i] >= rows || links[i] == row || (i > 0 && links[i] <= links[i - 1]))
            return false;
    return true;
}

int links_packed_verify(const struct links_packed *p, uint32_t count, const struct pause *pause)
{
    for (uint32_t row = 0; row < count; row++) {
        if (!set_is_sound(p, row, count))
            return -EINVAL;
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}
