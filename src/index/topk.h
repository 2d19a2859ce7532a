/* topk.h -- the k nearest seen so far: a bounded max-heap, the farthest on top. Storage is the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hit {
    float distance; /* smaller is nearer (metric.h) */
    uint32_t row;
};

struct topk {
    struct hit *hits; /* room for k */
    uint32_t k, count;
};

void topk_init(struct topk *t, struct hit *hits, uint32_t k);
void topk_add(struct topk *t, float distance, uint32_t row);
/* The distance a new hit must beat; +infinity while there is room. */
float topk_bound(const struct topk *t);
/* Sorts the hits: nearest first, equal distances by row. The heap is spent. */
void topk_sort(struct topk *t);
