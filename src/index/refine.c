/* refine.c -- rows of kilobytes, scattered: each batch is fetched while the one before is
 * scored. */
#include "index/refine.h"

#include <math.h>

#define BATCH          4  /* what the kernels score side by side */
#define CHUNK          32 /* looked at between two glances at how near the best have become */
#define PREFETCH_BYTES 1024
/* scored between pauses: some 10 us, or 50 when they come from memory */
#define PAUSE_BYTES (64 * 1024)

static void fetch(const struct codes *c, const struct hit *hits, uint32_t count)
{
    /* the hardware streams the rest */
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

/* Moves to the front those hits that may be nearer than the farthest of the best; returns how
 * many. */
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
        const uint32_t missing = r->top->k - r->top->count; /* without these there is no farthest */
        n = missing ? missing : CHUNK;
        n = n < count - from ? n : count - from;
        int rc = score(r, hits + from, missing ? n : keep_promising(r, hits + from, n));
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Errors are taken to be normal, and rows to be as dense behind the last hit as in the
 * half before it. Their mean is taken to be 0: that of hits is larger, as they were chosen
 * for being near by code. */
double refine_missed(const struct refine_errors *e, uint32_t count, float middle, float last, float farthest)
{
    const double variance = e->squares / e->count;
    if (count < 2 || !(variance > 0) || !isfinite(variance) || !isfinite(farthest))
        return 0;
    const double deviation = sqrt(variance), z = ((double)last - farthest) / deviation;
    /* mean, of a normal above z */
    const double excess = exp(-z * z / 2) / sqrt(2 * M_PI) - z * erfc(z / M_SQRT2) / 2;
    return count / 2.0 / fmax((double)last - middle, deviation / count) * deviation * excess;
}
