/* refine.c -- rows of kilobytes, scattered: each batch is fetched while the one before is scored. */
#include "index/refine.h"

#define BATCH          4    /* what the kernels score side by side */
#define PREFETCH_BYTES 1024 /* of a row; the hardware streams the rest */

static void fetch(const struct codes *c, const struct hit *hits, uint32_t count)
{
    const uint32_t bytes = c->stride < PREFETCH_BYTES ? c->stride : PREFETCH_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const char *row = codes_at(c, hits[i].row);
        for (uint32_t at = 0; at < bytes; at += 64)
            __builtin_prefetch(row + at);
    }
}

static void refine_all(const struct codes_query *q, const struct hit *hits, uint32_t count, struct search_scratch *w,
                       struct topk *top)
{
    fetch(q->codes, hits, count < BATCH ? count : BATCH);
    for (uint32_t from = 0; from < count; from += BATCH) {
        const uint32_t left = count - from, n = left < BATCH ? left : BATCH;
        if (left > n)
            fetch(q->codes, hits + from + n, left - n < BATCH ? left - n : BATCH);
        for (uint32_t i = 0; i < n; i++)
            w->ids[i] = hits[from + i].row;
        codes_distances(q, w->ids, n, w->rows, w->distances);
        for (uint32_t i = 0; i < n; i++)
            if (w->distances[i] <= topk_bound(top))
                topk_add(top, w->distances[i], w->ids[i]);
    }
}

/* Moves to the front those of `count` hits that may be nearer than the farthest in top; returns how many. */
static uint32_t keep_promising(const struct codes_query *found, struct hit *hits, uint32_t count, float farthest)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (found->bound(found, codes_at(found->codes, hits[i].row), hits[i].distance) <= farthest)
            hits[kept++] = hits[i];
    return kept;
}

void refine(const struct codes_query *q, const struct codes_query *found, struct hit *hits, uint32_t count,
            struct search_scratch *w, struct topk *top)
{
    const uint32_t first = top->k - top->count; /* these fill the list */
    if (found->bound && count > first && first > 0) {
        refine_all(q, hits, first, w, top);
        hits += first;
        count = keep_promising(found, hits, count - first, topk_bound(top));
    }
    refine_all(q, hits, count, w, top);
}
