/* scratch.h -- what one walk works in: pooled, grown on demand before the walk starts, never while it runs. */
#pragma once

#include "index/segment_index.h"

#define HOP_MAX 512 /* links of one row at most: 2 * HNSW_M_MAX */

/* A candidate; in a pool the id's top bit says that it has been expanded. */
struct cand {
    float distance;
    uint32_t id;
};
#define CAND_EXPANDED 0x80000000u

/* The nearest candidates so far, sorted: position `cursor` is the nearest not expanded. Sorted arrays beat heaps here:
 * most candidates are refused by one compare with the last, and the rest move half a pool of 8-byte entries. */
struct pool {
    struct cand *cand;
    uint32_t count, limit, cursor, capacity;
};

struct search_scratch {
    struct pool pool;
    uint64_t *visited; /* bit per row or node; all clear between layers */
    size_t visited_words;
    uint32_t *log; /* ids whose bit is set, so that clearing costs what walking cost */
    uint32_t log_count;
    bool log_overflow; /* then clearing clears all */
    void *query;       /* a folded one, aligned to 64 */
    size_t query_bytes;
    struct hit *hits;
    uint32_t hits_capacity;
    const void *rows[HOP_MAX];
    float distances[HOP_MAX];
    uint32_t ids[HOP_MAX];
    uint32_t links[HOP_MAX]; /* of the row that is expanded, where they are kept packed */
    uint32_t picked[HOP_MAX];
};

#define VISIT_LOG    16384
#define POOL_COUNTED 32

/* Room for ids below `ids`, a pool of ef, a folded query of `query_bytes`, `hits` hits. -ENOMEM. */
MUST_USE int scratch_reserve(struct search_scratch *s, uint32_t ids, uint32_t ef, size_t query_bytes, uint32_t hits);
/* Forgets what was visited. */
void scratch_clear(struct search_scratch *s);
uint64_t scratch_bytes(const struct search_scratch *s);

static inline void scratch_mark(struct search_scratch *s, uint32_t id)
{
    s->visited[id / 64] |= (uint64_t)1 << (id % 64);
    s->log[s->log_count++] = id;
}

static inline void pool_reset(struct pool *p, uint32_t limit)
{
    p->count = p->cursor = 0;
    p->limit = limit;
}

/* A candidate at this distance or farther is refused. */
static inline float pool_bound(const struct pool *p)
{
    return p->count < p->limit ? __builtin_inff() : p->cand[p->count - 1].distance;
}

/* Inserts a candidate nearer than pool_bound(); equal distances keep their order of arrival. Returns its position. */
static inline uint32_t pool_insert(struct pool *p, float distance, uint32_t id)
{
    uint32_t at = 0, n = p->count;
    while (n > POOL_COUNTED) { /* halve, by arithmetic: no branch predictor guesses this */
        uint32_t half = (n + 1) / 2;
        at += half & -(uint32_t)(p->cand[at + half - 1].distance <= distance);
        n -= half;
    }
    const struct cand *rest = p->cand + at;
    for (uint32_t i = 0; i < n; i++) /* count the rest: no step waits for the one before */
        at += rest[i].distance <= distance;
    uint32_t last = p->count < p->limit ? p->count++ : p->count - 1;
    __builtin_memmove(p->cand + at + 1, p->cand + at, (last - at) * sizeof(struct cand));
    p->cand[at] = (struct cand){distance, id};
    if (at < p->cursor)
        p->cursor = at;
    return at;
}
