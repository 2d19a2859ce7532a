/* vek_scalar_nearest.c -- the specification of the sorted pool of a graph walk: adds one pair after
 * another. */
#include "vek_variants.h"
#include <math.h>
#include <string.h>

#define COUNTED_MAX 32

/* The number of sorted distances that are not larger than `distance`. Halves the range without
 * branches, because a branch predictor cannot guess them. Then counts, since these steps do not
 * depend on each other. */
static uint32_t rank_of(const float *sorted, uint32_t n, float distance)
{
    uint32_t at = 0;
    while (n > COUNTED_MAX) {
        const uint32_t half = (n + 1) / 2;
        at += half & -(uint32_t)(sorted[at + half - 1] <= distance);
        n -= half;
    }
    const float *rest = sorted + at;
    for (uint32_t i = 0; i < n; i++)
        at += rest[i] <= distance;
    return at;
}

static uint32_t nearest_add(struct vek_nearest *to, const float *distances, const uint32_t *ids, size_t n)
{
    uint32_t first = to->limit;
    for (size_t i = 0; i < n; i++) {
        const float last = to->count < to->limit ? INFINITY : to->distances[to->count - 1];
        if (!(distances[i] < last && distances[i] < to->below))
            continue;
        const uint32_t at = rank_of(to->distances, to->count, distances[i]);
        to->count += to->count < to->limit;
        const size_t behind = (to->count - 1 - at) * sizeof(float);
        memmove(to->distances + at + 1, to->distances + at, behind);
        memmove(to->ids + at + 1, to->ids + at, behind);
        to->distances[at] = distances[i];
        to->ids[at] = ids[i];
        first = at < first ? at : first;
    }
    return first;
}

void vek_scalar_nearest(struct vek_kernels *v)
{
    v->nearest_add = nearest_add;
}
