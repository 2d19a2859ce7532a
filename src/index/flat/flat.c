/* flat.c -- scans in batches of 32 rows. The rows of a batch are collected first, so that
 * a row of a sparse bit set costs no more than one of a full one. They are prefetched
 * before they are scored. */
#include "index/flat/flat.h"

#include <errno.h>

#define BATCH          32
#define PAUSE_BYTES    (64 * 1024) /* bytes scored between pauses: about 10 us */
#define PREFETCH_BYTES 512         /* of a row; the hardware prefetches the rest */

static void prefetch(const void *p, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes && i < PREFETCH_BYTES; i += 64)
        __builtin_prefetch((const char *)p + i);
}

/* Collects up to BATCH allowed rows from *at on, and moves *at behind them. */
static uint32_t collect(const struct scan *s, uint32_t *at, uint32_t *ids)
{
    uint32_t n = 0, row = *at;
    if (!s->allowed) {
        while (n < BATCH && row < s->to)
            ids[n++] = row++;
        *at = row;
        return n;
    }
    while (n < BATCH && row < s->to) {
        uint64_t word = s->allowed[row / 64] >> (row % 64);
        if (word == 0) {
            row = (row / 64 + 1) * 64;
            continue;
        }
        row += (uint32_t)__builtin_ctzll(word);
        if (row < s->to)
            ids[n++] = row++;
    }
    *at = row;
    return n;
}

static void admit(struct topk *top, const struct search_scratch *w, uint32_t n)
{
    float bound = topk_bound(top);
    for (uint32_t i = 0; i < n; i++) {
        if (w->distances[i] > bound)
            continue;
        topk_add(top, w->distances[i], w->ids[i]);
        bound = topk_bound(top);
    }
}

int flat_scan(const struct scan *s, enum metric metric, uint32_t dim, const struct rows *vectors, const float *query)
{
    struct search_scratch *w = s->scratch;
    uint32_t pending = 0;
    for (uint32_t at = s->from, n; (n = collect(s, &at, w->ids)) > 0;) {
        for (uint32_t i = 0; i < n; i++) {
            w->rows[i] = rows_at(vectors, w->ids[i]);
            if (s->allowed)
                prefetch(w->rows[i], dim * (uint32_t)sizeof(float));
        }
        vectors_distances(metric, query, w->rows, n, dim, w->distances);
        admit(s->top, w, n);
        pending += n * vectors->stride;
        if (pending >= PAUSE_BYTES) {
            int rc = pause_here(s->pause);
            if (rc != 0)
                return rc;
            pending = 0;
        }
    }
    return 0;
}

int flat_scan_codes(const struct scan *s, const struct codes_query *query, const uint32_t *epoch)
{
    const struct codes *codes = query->codes;
    struct search_scratch *w = s->scratch;
    const uint32_t began = *epoch;
    uint32_t pending = 0;
    for (uint32_t at = s->from, n; (n = collect(s, &at, w->ids)) > 0;) {
        /* rows in a sequence are prefetched by the hardware */
        for (uint32_t i = 0; i < n && s->allowed; i++)
            prefetch(codes_at(codes, w->ids[i]), codes->stride);
        codes_distances(query, w->ids, n, w->rows, w->distances);
        admit(s->top, w, n);
        pending += n * codes->stride;
        if (pending >= PAUSE_BYTES) {
            int rc = pause_here(s->pause);
            if (rc != 0)
                return rc;
            if (*epoch != began)
                return -EAGAIN;
            pending = 0;
        }
    }
    return 0;
}
