/* topk.h -- the k nearest seen so far: a bounded max-heap, the farthest on top. Storage is the
 * caller's. Of equally far rows those with the smaller keys are kept, and come first. */
#pragma once

#include "vectors/rows.h"
#include <stddef.h>
#include <stdint.h>

struct hit {
    float distance; /* smaller is nearer (metric.h) */
    uint32_t row;
};

/* Of a row: compared as one number of 128 bits. */
struct topk_key {
    uint64_t high, low;
};

struct topk {
    struct hit *hits; /* room for k */
    uint32_t k, count;
    /* of struct topk_key; NULL, as topk_init() leaves it: the row is the key */
    const struct rows *keys;
};

void topk_init(struct topk *t, struct hit *hits, uint32_t k);
void topk_add(struct topk *t, float distance, uint32_t row);
/* Adds hits that come nearest first: into an empty heap without moving any. */
void topk_add_sorted(struct topk *t, const struct hit *hits, uint32_t count);
/* The distance a new hit must beat; +infinity while there is room. */
float topk_bound(const struct topk *t);
/* Empty again, with the same room and keys. */
static inline void topk_clear(struct topk *t)
{
    t->count = 0;
}
/* Sorts the hits: nearest first, equal distances by key. The heap is spent. */
void topk_sort(struct topk *t);
