/* merge.c -- takes the nearest of all list heads, again and again. Reactors are few and lists
 * are short; for 2 to 16 lists this is quicker than a heap. The ids that were taken are in a
 * small open-addressing table; up to k = 16 a linear search is quicker. */
#include "actors/router/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LINEAR_MAX 16

struct taken {
    const struct point_hit *hits;
    uint32_t count;
    uint32_t *table; /* the index of a hit, plus 1; 0: a free entry */
    uint64_t mask;
};

static bool nearer(const struct point_hit *a, const struct point_hit *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    return a->id.hi != b->id.hi ? a->id.hi < b->id.hi : a->id.lo < b->id.lo;
}

/* True when the id was taken before. Otherwise notes that the next hit has it. */
static bool taken_before(struct taken *t, struct point_id id)
{
    if (!t->table) {
        for (uint32_t i = 0; i < t->count; i++)
            if (point_id_equal(t->hits[i].id, id))
                return true;
        return false;
    }
    uint64_t at = point_id_hash(id) & t->mask;
    for (; t->table[at]; at = (at + 1) & t->mask)
        if (point_id_equal(t->hits[t->table[at] - 1].id, id))
            return true;
    t->table[at] = t->count + 1;
    return false;
}

int64_t merge_hits(struct merge_list *lists, unsigned n, uint32_t k, struct arena *scratch, struct point_hit *ret)
{
    struct taken taken = {.hits = ret};
    if (k > LINEAR_MAX && n > 1) {
        uint64_t size = 32;
        while (size < 2 * (uint64_t)k)
            size *= 2;
        taken.table = arena_alloc(scratch, size * sizeof(*taken.table));
        if (!taken.table)
            return -ENOMEM;
        memset(taken.table, 0, size * sizeof(*taken.table));
        taken.mask = size - 1;
    }
    while (taken.count < k) {
        struct merge_list *best = NULL;
        for (unsigned i = 0; i < n; i++)
            if (lists[i].count > 0 && (!best || nearer(lists[i].hits, best->hits)))
                best = &lists[i];
        if (!best)
            break;
        struct point_hit hit = *best->hits++;
        best->count--;
        if (n > 1 && taken_before(&taken, hit.id))
            continue;
        ret[taken.count++] = hit;
    }
    return taken.count;
}
