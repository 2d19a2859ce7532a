/* hnsw_search.c -- the walk.
 *
 * A hop expands the nearest candidate not yet expanded:
 *   1. gather   its links that were not visited
 *   2. prefetch every cache line of their codes, so that all misses of the hop overlap
 *   3. score    them together, four at a time
 *   4. admit    those nearer than the farthest of a full pool
 * and the walk ends when every candidate in the pool has been expanded. Scoring each neighbour as it is met, as is
 * usual, pays for the misses one after another. */
#include "index/hnsw.h"

#include <errno.h>

#define INLINE         static inline __attribute__((always_inline))
#define HOPS_PER_PAUSE 32   /* 10 to 30 us */
#define PREFETCH_MAX   4096 /* bytes of a code: those of a hop must fit the second cache; the hardware streams the rest */

/* Into the first cache: the links of the next hop, little and needed soon. */
INLINE void prefetch_links(const struct hnsw *g, uint32_t row)
{
    if (hnsw_is_packed(g)) {
        links_packed_prefetch(&g->packed, row);
        return;
    }
    const uint32_t *links = hnsw_links(g, row);
    for (uint32_t i = 0; i < 2 * g->m; i += 16)
        __builtin_prefetch(links + i, 0, 3);
}

/* Into the second cache: all codes of a hop. Prefetches into the first hold its few miss buffers until the lines come,
 * and wait for each other; the second cache has more of them: rows of 13 lines are walked 1.5 times as fast. */
INLINE void prefetch_code(const void *code, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)code + i, 0, 2);
}

INLINE uint32_t row_of(const struct hnsw *g, bool base, uint32_t id)
{
    return base ? id : hnsw_node(g, id)->row;
}

/* At most *ret_count links; LINK_NONE ends them earlier. */
INLINE const uint32_t *links_of(const struct hnsw_walk *w, bool base, uint32_t level, uint32_t id, uint32_t *ret_count)
{
    if (base)
        return hnsw_links_read(w->graph, id, w->scratch->links, ret_count);
    *ret_count = w->graph->m;
    return hnsw_upper_links(w->graph, id, level);
}

/* Marks the links not visited yet and writes them to ids; returns how many. What is no link for this walk, LINK_NONE or a
 * row inserted since it began, counts as row `limit`, which is marked from the start: no branch depends on a link. */
INLINE uint32_t gather(const struct hnsw_walk *w, const uint32_t *links, uint32_t links_max, uint32_t limit,
                       uint32_t *ids)
{
    uint64_t *visited = w->scratch->visited;
    uint32_t n = 0;
    for (uint32_t i = 0; i < links_max; i++) {
        uint32_t id = links[i] < limit ? links[i] : limit;
        uint64_t word = visited[id / 64], bit = (uint64_t)1 << (id % 64);
        visited[id / 64] = word | bit;
        ids[n] = id;
        n += !(word & bit);
    }
    return n;
}

/* Distances of n rows whose codes may not be in cache. */
INLINE void score(const struct hnsw_walk *w, const uint32_t *rows, uint32_t n)
{
    struct search_scratch *s = w->scratch;
    const struct codes *c = w->query->codes;
    const uint32_t fetched = c->stride < PREFETCH_MAX ? c->stride : PREFETCH_MAX;
    const bool norms = c->norms.chunks != 0;
    for (uint32_t i = 0; i < n; i++) {
        s->rows[i] = codes_at(c, rows[i]);
        prefetch_code(s->rows[i], fetched);
        if (norms)
            __builtin_prefetch(codes_norm_at(c, rows[i]), 0, 2);
    }
    codes_score(w->query, s->rows, rows, n, s->distances);
}

/* Puts what is near enough into the pool. The first loop picks without a branch, which would be guessed wrong for one
 * neighbour in three; few then fail the second test, against a bound that has moved. */
INLINE void admit(const struct hnsw_walk *w, bool base, const uint32_t *ids, uint32_t n)
{
    struct search_scratch *s = w->scratch;
    struct pool *pool = &s->pool;
    const float bound = pool_bound(pool);
    uint32_t near = 0;
    for (uint32_t i = 0; i < n; i++) {
        s->picked[near] = i;
        near += s->distances[i] < bound;
    }
    for (uint32_t i = 0; i < near; i++) {
        const float distance = s->distances[s->picked[i]];
        const uint32_t id = ids[s->picked[i]];
        if (distance < pool_bound(pool) && pool_insert(pool, distance, id) == pool->cursor && base)
            prefetch_links(w->graph, id);
    }
}

INLINE int hop_pause(const struct hnsw_walk *w, uint32_t hops)
{
    if (hops % HOPS_PER_PAUSE != 0)
        return 0;
    uint32_t epoch = w->epoch ? *w->epoch : 0;
    int rc = pause_here(w->pause);
    return rc != 0 ? rc : w->epoch && *w->epoch != epoch ? -EAGAIN : 0;
}

INLINE int search_layer(const struct hnsw_walk *w, bool base, uint32_t level, uint32_t ef)
{
    const struct hnsw *g = w->graph;
    struct search_scratch *s = w->scratch;
    struct pool *pool = &s->pool;
    const uint32_t limit = base ? w->limit : w->node_limit;
    uint32_t hops = 0;
    pool->limit = ef;
    pool->cursor = 0;
    scratch_mark(s, limit);
    for (uint32_t i = 0; i < pool->count; i++)
        scratch_mark(s, pool->cand[i].id);
    while (pool->cursor < pool->count) {
        struct cand *nearest = &pool->cand[pool->cursor++];
        uint32_t links_max;
        const uint32_t *links = links_of(w, base, level, nearest->id, &links_max);
        nearest->id |= CAND_EXPANDED;
        while (pool->cursor < pool->count && (pool->cand[pool->cursor].id & CAND_EXPANDED))
            pool->cursor++;
        if (s->log_count > VISIT_LOG) {
            s->log_overflow = true;
            s->log_count = 0;
        }
        uint32_t *ids = s->log + s->log_count;
        uint32_t n = gather(w, links, links_max, limit, ids);
        s->log_count += n;
        if (base && pool->cursor < pool->count) /* most likely the next to be expanded */
            prefetch_links(g, pool->cand[pool->cursor].id);
        const uint32_t *rows = ids;
        if (!base) {
            for (uint32_t i = 0; i < n; i++)
                s->ids[i] = row_of(g, base, ids[i]);
            rows = s->ids;
        }
        score(w, rows, n);
        admit(w, base, ids, n);
        int rc = hop_pause(w, ++hops);
        if (rc != 0) {
            scratch_clear(s);
            return rc;
        }
    }
    for (uint32_t i = 0; i < pool->count; i++)
        pool->cand[i].id &= ~CAND_EXPANDED;
    scratch_clear(s);
    return 0;
}

int hnsw_search_layer(const struct hnsw_walk *w, uint32_t level, uint32_t ef)
{
    return level == 0 ? search_layer(w, true, 0, ef) : search_layer(w, false, level, ef);
}

void hnsw_start(const struct hnsw_walk *w, uint32_t level, uint32_t id)
{
    struct search_scratch *s = w->scratch;
    uint32_t row = row_of(w->graph, level == 0, id);
    score(w, &row, 1);
    pool_reset(&s->pool, 1);
    pool_insert(&s->pool, s->distances[0], id);
}

uint32_t hnsw_top(const struct hnsw *g)
{
    return g->entry == LINK_NONE ? 0 : hnsw_node(g, g->entry)->level;
}

int hnsw_walk_prepare(const struct hnsw_walk *w, uint32_t ef)
{
    uint32_t ids = w->limit > w->node_limit ? w->limit : w->node_limit;
    return scratch_reserve(w->scratch, ids + 1, ef, 0, 0);
}

int hnsw_search(const struct hnsw_walk *w, uint32_t ef)
{
    const struct hnsw *g = w->graph;
    uint32_t top = hnsw_top(g);
    int rc = hnsw_walk_prepare(w, ef);
    if (rc < 0)
        return rc;
    hnsw_start(w, top, top ? g->entry : 0);
    for (uint32_t level = top; rc == 0 && level > 0; level--)
        rc = hnsw_search_layer(w, level, 1);
    if (rc == 0 && top) {
        struct cand *start = w->scratch->pool.cand;
        start->id = hnsw_node(g, start->id)->row;
    }
    return rc == 0 ? hnsw_search_layer(w, 0, ef) : rc;
}
