/* refine.c -- rows of kilobytes lie scattered in memory, so each batch is prefetched while the
 * one before is scored. */
#include "index/refine.h"

#include <math.h>

#define BATCH          4  /* rows that a kernel scores side by side */
#define CHUNK          32 /* hits between two checks how near the best have become */
#define PREFETCH_BYTES 1024
/* bytes scored between pauses: about 10 us, or 50 us when they come from memory */
#define PAUSE_BYTES (64 * 1024)

static void fetch(const struct codes *c, const struct hit *hits, uint32_t count)
{
    /* the hardware prefetches the rest of a row */
    const uint32_t bytes = c->stride < PREFETCH_BYTES ? c->stride : PREFETCH_BYTES;
    for (uint32_t i = 0; i < count && i < BATCH; i++) {
        const char *row = codes_at(c, hits[i].row);
        for (uint32_t at = 0; at < bytes; at += 64)
            __builtin_prefetch(row + at);
    }
}

static void note_errors(struct refine_errors *e, const struct hit *hits, const float *distances, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const double error = (double)distances[i] - hits[i].distance;
        e->squares += error * error;
    }
    e->count += count;
}

static int score(const struct refinement *r, const struct hit *hits, uint32_t count)
{
    struct search_scratch *w = r->scratch;
    uint32_t pending = 0;
    fetch(r->by->codes, hits, count);
    for (uint32_t from = 0, n; from < count; from += n) {
        n = count - from < BATCH ? count - from : BATCH;
        fetch(r->by->codes, hits + from + n, count - from - n);
        for (uint32_t i = 0; i < n; i++)
            w->ids[i] = hits[from + i].row;
        codes_distances(r->by, w->ids, n, w->rows, w->distances);
        if (r->errors)
            note_errors(r->errors, hits + from, w->distances, n);
        for (uint32_t i = 0; i < n; i++)
            if (w->distances[i] <= topk_bound(r->top))
                topk_add(r->top, w->distances[i], w->ids[i]);
        pending += n * r->by->codes->stride;
        if (pending >= PAUSE_BYTES) {
            pending = 0;
            int rc = pause_here(r->pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Moves the hits that may be nearer than the farthest of the best to the front.
 * Returns their number. */
static uint32_t keep_promising(const struct refinement *r, struct hit *hits, uint32_t count)
{
    const struct codes_query *found = r->found;
    const float farthest = topk_bound(r->top);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (found->bound(found, codes_at(found->codes, hits[i].row), hits[i].distance) <= farthest)
            hits[kept++] = hits[i];
    return kept;
}

int refine(const struct refinement *r, struct hit *hits, uint32_t count)
{
    if (!r->found->bound)
        return score(r, hits, count);
    for (uint32_t from = 0, n; from < count; from += n) {
        /* until k hits are known, there is no farthest to compare with */
        const uint32_t missing = r->top->k - r->top->count;
        n = missing ? missing : CHUNK;
        n = n < count - from ? n : count - from;
        int rc = score(r, hits + from, missing ? n : keep_promising(r, hits + from, n));
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Assumes that errors are normal, and that rows behind the last hit are as dense as in the half
 * before it. Assumes a mean error of 0. The mean of the hits is larger, because they were chosen
 * for being near by code. */
double refine_missed(const struct refine_errors *e, uint32_t count, float middle, float last, float farthest)
{
    const double variance = e->squares / e->count;
    if (count < 2 || !(variance > 0) || !isfinite(variance) || !isfinite(farthest))
        return 0;
    const double deviation = sqrt(variance), z = ((double)last - farthest) / deviation;
    /* mean excess of a normal variable above z */
    const double excess = exp(-z * z / 2) / sqrt(2 * M_PI) - z * erfc(z / M_SQRT2) / 2;
    return count / 2.0 / fmax((double)last - middle, deviation / count) * deviation * excess;
}
