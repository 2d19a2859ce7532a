/* hnsw_search.c -- the walk. How a search uses it is in hnsw_filter.c.
 *
 * A hop expands the nearest candidate that is not expanded yet:
 * 1. gather the links of the candidate that were not visited;
 * 2. prefetch every cache line of their codes, so that all cache misses of the hop overlap;
 * 3. score them together, four at a time;
 * 4. put those into the pool that are nearer than its farthest.
 *
 * The walk ends when every candidate in the pool has been expanded, or early (early_end.h).
 *
 * Departures from the paper (hnsw.h names it):
 * 1. A hop is scored at once. Scoring each neighbour when it is met would wait for one cache
 *    miss after another.
 * 2. A hop does not wait for its own cache misses: steps 1 and 2 of the next hop come before its
 *    step 3. The next candidate is chosen without the results of this hop, so now and then it is
 *    not the nearest. Mostly it would have been expanded a little later anyway. One hop ahead
 *    saves a fifth to a quarter of the time; two or three save no more. Where other searches go
 *    on meanwhile (overlap), a walk does not look ahead, because their hops fill the time.
 * 3. The pool is one sorted array instead of two heaps (scratch.h). */
#include "index/hnsw/hnsw.h"

#include "index/hnsw/early_end.h"
#include <assert.h>
#include <errno.h>
#include <math.h>

#define INLINE         static inline __attribute__((always_inline))
#define LANES          8
#define HOPS_PER_PAUSE 32 /* 10 to 30 us */
/* links read between two checks whether the list has ended */
#define LINKS_STEP   8
#define CACHED_BYTES (256 * 1024) /* if all codes take no more, they are in the L2 cache anyway */
/* bytes of a code: the codes of a hop must fit the L2 cache, and the hardware
 * prefetches the rest of a row */
#define PREFETCH_MAX 4096

/* Prefetches the links of the next hop into the L1 cache. They are few bytes, needed soon. */
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

/* Prefetches a code of a hop into the L2 cache. Prefetches into L1 hold its few miss buffers
 * until the lines arrive, and wait for each other; L2 has more buffers. Rows of 13 lines are
 * walked 1.5 times as fast. */
INLINE void prefetch_code(const void *code, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)code + i, 0, 2);
}

/* The number of ids: rows on the lowest layer, nodes above. */
INLINE uint32_t limit_of(const struct hnsw_walk *w, uint32_t level)
{
    return level == 0 ? w->limit : w->node_limit;
}

/* Returns at most *ret_count links; LINK_NONE may end them earlier. */
INLINE const uint32_t *links_of(const struct hnsw_walk *w, uint32_t level, uint32_t id, uint32_t *ret_count)
{
    if (level == 0)
        return hnsw_links_read(w->graph, id, w->scratch->links, ret_count);
    *ret_count = w->graph->m;
    return hnsw_upper_links(w->graph, id, level);
}

/* Returns the nearest candidate that is not expanded yet, or LINK_NONE. */
INLINE uint32_t pool_next(struct pool *p)
{
    const struct vek_nearest *near = &p->near;
    while (p->cursor < near->count && (near->ids[p->cursor] & CAND_EXPANDED))
        p->cursor++;
    return p->cursor < near->count ? near->ids[p->cursor] : LINK_NONE;
}

/* Returns the place for the next ids of the log, with room for a hop. */
INLINE uint32_t *log_room(struct search_scratch *s)
{
    if (s->log_count > VISIT_LOG) {
        s->log_overflow = true;
        s->log_forgotten += s->log_count;
        s->log_count = 0;
    }
    return s->log + s->log_count;
}

/* Marks the links of `id` that were not visited, and writes them to the log. A LINK_NONE, or a
 * row inserted since the walk began, counts as row `limit`, which is marked from the start. No
 * branch depends on a link, except a check now and then whether the list has ended. */
INLINE void gather(const struct hnsw_walk *w, uint32_t level, uint32_t id, struct hop *hop)
{
    struct search_scratch *s = w->scratch;
    const uint32_t limit = limit_of(w, level);
    uint32_t links_max, n = 0;
    const uint32_t *links = links_of(w, level, id, &links_max);
    uint32_t *ids = log_room(s);
    for (uint32_t i = 0; i < links_max; i++) {
        if (i % LINKS_STEP == 0 && links[i] == LINK_NONE)
            break;
        uint32_t to = links[i] < limit ? links[i] : limit;
        uint64_t word = s->visited[to / 64], bit = (uint64_t)1 << (to % 64);
        s->visited[to / 64] = word | bit;
        ids[n] = to;
        n += !(word & bit);
    }
    s->log_count += n;
    hop->ids = hop->rows = ids;
    hop->count = n;
}

INLINE bool are_fetched(const struct row_array *c, uint32_t count)
{
    return c->chunks != 0 && (uint64_t)count * c->rows.stride > CACHED_BYTES;
}

INLINE void prefetch_codes(const struct hnsw_walk *w, const uint32_t *rows, uint32_t count)
{
    const struct codes *c = w->query->codes;
    if (!are_fetched(&c->rows, c->count))
        return;
    const uint32_t fetched = c->stride < PREFETCH_MAX ? c->stride : PREFETCH_MAX;
    const void **at = w->scratch->rows;
    rows_locate(&c->rows.rows, rows, count, at);
    for (uint32_t i = 0; i < count; i++)
        prefetch_code(at[i], fetched);
    for (uint32_t i = 0; i < count && are_fetched(&c->norms, c->count); i++)
        __builtin_prefetch(codes_norm_at(c, rows[i]), 0, 2);
}

/* Steps 1 and 2 of a hop. False: no candidate is left to expand. */
INLINE bool hop_begin(const struct hnsw_walk *w, uint32_t level, struct hop *hop)
{
    struct pool *pool = &w->scratch->pool;
    const uint32_t id = pool_next(pool);
    if (id == LINK_NONE || (level == 0 && w->early_k && early_end_is_due(&pool->near, pool->cursor, w->early_k)))
        return false;
    pool->near.ids[pool->cursor] |= CAND_EXPANDED;
    gather(w, level, id, hop);
    if (level > 0) {
        for (uint32_t i = 0; i < hop->count; i++)
            hop->row_of_node[i] = hnsw_node(w->graph, hop->ids[i])->row;
        hop->rows = hop->row_of_node;
    }
    prefetch_codes(w, hop->rows, hop->count);
    const uint32_t next = pool_next(pool);
    if (level == 0 && next != LINK_NONE)
        prefetch_links(w->graph, next);
    return true;
}

INLINE void score(const struct hnsw_walk *w, const uint32_t *rows, uint32_t count)
{
    struct search_scratch *s = w->scratch;
    rows_locate(&w->query->codes->rows.rows, rows, count, s->rows);
    codes_score(w->query, s->rows, rows, count, s->distances);
}

/* Returns the least distance. Pads the array to whole lanes, so that
 * compilers vectorise the loop. */
INLINE float least_of(float *distances, uint32_t count)
{
    float lanes[LANES];
    for (uint32_t i = count; i % LANES; i++)
        distances[i] = INFINITY;
    for (uint32_t lane = 0; lane < LANES; lane++)
        lanes[lane] = INFINITY;
    for (uint32_t i = 0; i < count; i += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++)
            lanes[lane] = distances[i + lane] < lanes[lane] ? distances[i + lane] : lanes[lane];
    for (uint32_t lane = 1; lane < LANES; lane++)
        lanes[0] = lanes[lane] < lanes[0] ? lanes[lane] : lanes[0];
    return lanes[0];
}

/* The nearest new row is expanded next, unless a candidate in the pool is nearer. Its links are
 * prefetched before the pool is changed, because the next hop begins with them. */
INLINE void prefetch_newcomer(const struct hnsw_walk *w, const struct hop *hop)
{
    float *distances = w->scratch->distances;
    const struct pool *pool = &w->scratch->pool;
    const bool is_last = pool->cursor >= pool->near.count;
    const float least = least_of(distances, hop->count);
    if (!(least < (is_last ? INFINITY : pool->near.distances[pool->cursor])))
        return;
    uint32_t at = 0;
    while (distances[at] != least)
        at++;
    prefetch_links(w->graph, hop->rows[at]);
}

/* Steps 3 and 4 of a hop. */
INLINE void hop_end(const struct hnsw_walk *w, uint32_t level, const struct hop *hop)
{
    struct pool *pool = &w->scratch->pool;
    score(w, hop->rows, hop->count);
    if (level == 0)
        prefetch_newcomer(w, hop);
    const uint32_t first = vek.nearest_add(&pool->near, w->scratch->distances, hop->ids, hop->count);
    if (first <= pool->cursor && first < pool->near.count)
        pool->cursor = first;
    if (level == 0 && first < w->early_k && pool->near.count >= w->early_k)
        pool->near.below = early_end_bound(&pool->near, w->early_k, pool->reach);
}

INLINE int hop_pause(const struct hnsw_walk *w)
{
    uint32_t epoch = w->epoch ? *w->epoch : 0;
    int rc = pause_here(w->pause);
    return rc != 0 ? rc : w->epoch && *w->epoch != epoch ? -EAGAIN : 0;
}

static void pool_fill(const struct hnsw_walk *w, uint32_t level, uint32_t ef)
{
    struct search_scratch *s = w->scratch;
    struct pool *pool = &s->pool;
    pool->cursor = 0;
    pool->near.count = 0;
    pool->near.limit = ef;
    pool->near.below = INFINITY;
    if (level == 0 && w->early_k)
        pool->reach = early_end_reach(ef, w->early_k);
    scratch_mark(s, limit_of(w, level));
    if (level == 0 && w->hidden)
        scratch_mark(s, *w->hidden);
    for (uint32_t i = 0; i < pool->count; i++) {
        scratch_mark(s, pool->cand[i].id);
        (void)vek.nearest_add(&pool->near, &pool->cand[i].distance, &pool->cand[i].id, 1);
    }
}

static void pool_give(struct pool *pool)
{
    pool->count = pool->near.count;
    for (uint32_t i = 0; i < pool->count; i++)
        pool->cand[i] = (struct cand){pool->near.distances[i], pool->near.ids[i] & ~CAND_EXPANDED};
}

/* Hops until every candidate has been expanded, or early. */
INLINE int walk_on(const struct hnsw_walk *w, uint32_t level)
{
    struct search_scratch *s = w->scratch;
    struct hop *now = &s->hop[0], *next = &s->hop[1];
    const bool others = level == 0 && w->overlap;
    int rc = 0;
    bool more = hop_begin(w, level, now);
    for (uint32_t hops = 1; more && rc == 0; hops++) {
        more = !others && hop_begin(w, level, next);
        if (others)
            w->overlap(w->overlap_arg);
        hop_end(w, level, now);
        if (!more) /* no candidate was left; this hop may have brought one */
            more = hop_begin(w, level, next);
        struct hop *spare = now;
        now = next;
        next = spare;
        if (hops % HOPS_PER_PAUSE == 0)
            rc = hop_pause(w);
    }
    return rc;
}

static_assert(STRAYS_MAX <= HOP_MAX, "they are scored at once");

/* Adds strays that were not visited as candidates. This is done at the end of a
 * walk. At its beginning, strays would fill a small pool and hide the way to rows
 * that are found without them. */
static void add_strays(const struct hnsw_walk *w)
{
    struct search_scratch *s = w->scratch;
    struct pool *pool = &s->pool;
    uint32_t *ids = log_room(s), n = 0;
    for (uint32_t i = 0; i < w->graph->stray_count; i++) {
        const uint32_t row = w->graph->strays[i];
        if (row >= w->limit || (s->visited[row / 64] >> (row % 64) & 1))
            continue;
        s->visited[row / 64] |= (uint64_t)1 << (row % 64);
        ids[n++] = row;
    }
    s->log_count += n;
    score(w, ids, n);
    const uint32_t first = vek.nearest_add(&pool->near, s->distances, ids, n);
    pool->cursor = first < pool->cursor ? first : pool->cursor;
}

INLINE int search_layer(const struct hnsw_walk *w, uint32_t level, uint32_t ef, bool strays)
{
    struct search_scratch *s = w->scratch;
    pool_fill(w, level, ef);
    int rc = walk_on(w, level);
    if (strays && rc == 0) {
        add_strays(w);
        rc = walk_on(w, level);
    }
    pool_give(&s->pool);
    s->walked = s->log_forgotten + s->log_count;
    scratch_clear(s);
    return rc;
}

/* Writes the links of a node and their rows, prefetches their codes, and returns their number. */
INLINE uint32_t gather_nodes(const struct hnsw_walk *w, uint32_t level, uint32_t node, uint32_t *ids, uint32_t *rows)
{
    const struct hnsw *g = w->graph;
    const uint32_t *links = hnsw_upper_links(g, node, level);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->m && links[i] != LINK_NONE; i++) {
        if (links[i] >= w->node_limit)
            continue;
        ids[n] = links[i];
        rows[n] = hnsw_node(g, links[i])->row;
        n++;
    }
    prefetch_codes(w, rows, n);
    return n;
}

/* Searches a layer above the lowest with a beam of one: goes on to the nearest neighbour
 * as long as it is nearer. A neighbour of two nodes may be scored twice, which costs less
 * than remembering it. */
static int descend(const struct hnsw_walk *w, uint32_t level)
{
    struct search_scratch *s = w->scratch;
    struct cand *at = &s->pool.cand[0];
    int rc = 0;
    for (uint32_t hops = 1; rc == 0; hops++) {
        const uint32_t n = gather_nodes(w, level, at->id, s->ids, s->hop[0].row_of_node), from = at->id;
        score(w, s->hop[0].row_of_node, n);
        for (uint32_t i = 0; i < n; i++)
            if (s->distances[i] < at->distance)
                *at = (struct cand){s->distances[i], s->ids[i]};
        if (at->id == from)
            break;
        if (hops % HOPS_PER_PAUSE == 0)
            rc = hop_pause(w);
    }
    return rc;
}

int hnsw_search_layer(const struct hnsw_walk *w, uint32_t level, uint32_t ef)
{
    if (level == 0)
        /* a copy of the function that is compiled for level 0 */
        return search_layer(w, 0, ef, false);
    return ef == 1 ? descend(w, level) : search_layer(w, level, ef, false);
}

void hnsw_start(const struct hnsw_walk *w, uint32_t level, uint32_t id)
{
    struct search_scratch *s = w->scratch;
    const uint32_t row = level == 0 ? id : hnsw_node(w->graph, id)->row;
    score(w, &row, 1);
    s->pool.cand[0] = (struct cand){s->distances[0], id};
    s->pool.count = 1;
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

static int search_with_strays(const struct hnsw_walk *w, uint32_t ef)
{
    return search_layer(w, 0, ef, true);
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
    if (rc != 0)
        return rc;
    return g->stray_count && !w->no_strays ? search_with_strays(w, ef) : hnsw_search_layer(w, 0, ef);
}
