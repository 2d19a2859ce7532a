/* topk.h -- the k nearest rows so far: a bounded max-heap with the farthest on top. The
 * caller owns the memory. Of rows at the same distance, those with smaller keys are
 * kept, and come first. */
#pragma once

#include "vectors/rows.h"
#include <stddef.h>
#include <stdint.h>

struct hit {
    float distance; /* smaller is nearer (metric.h) */
    uint32_t row;
};

/* The key of a row, compared as one number of 128 bits. */
struct topk_key {
    uint64_t high, low;
};

struct topk {
    struct hit *hits; /* [k] */
    uint32_t k, count;
    /* struct topk_key for each row; NULL, as topk_init() leaves it: the row is the key */
    const struct rows *keys;
};

void topk_init(struct topk *t, struct hit *hits, uint32_t k);
void topk_add(struct topk *t, float distance, uint32_t row);
/* Adds hits that come nearest first. Into an empty heap, it moves none. */
void topk_add_sorted(struct topk *t, const struct hit *hits, uint32_t count);
/* The distance that a new hit must beat; +infinity while there is room. */
float topk_bound(const struct topk *t);
/* Empties the heap; its memory and keys stay. */
static inline void topk_clear(struct topk *t)
{
    t->count = 0;
}
/* Sorts the hits: nearest first, equal distances by key. Afterwards it is no heap. */
void topk_sort(struct topk *t);
