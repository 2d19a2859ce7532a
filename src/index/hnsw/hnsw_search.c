/* hnsw_search.c -- the walk. Apart from what decides about it (hnsw_filter.c).
 *
 * A hop expands the nearest candidate not yet expanded:
 *   1. gather   its links that were not visited
 *   2. prefetch every cache line of their codes, so that all misses of the hop overlap
 *   3. score    them together, four at a time
 *   4. admit    those nearer than the farthest of a full pool
 * The walk ends when every candidate in the pool has been expanded, or early (early_end.h).
 *
 * Departures from the paper (hnsw.h names it):
 *  1. A hop is scored at once. Scoring each neighbour as it is met pays for the cache misses one
 *     after another.
 *  2. A hop does not wait for its own misses: steps 1 and 2 of the next hop come before its step 3.
 *     That next candidate is chosen without knowing what the hop will find, and is now and then not
 *     the nearest. It would mostly have been expanded anyway, a little later. One hop ahead is
 *     worth a fifth to a quarter of the time; two or three are worth no more. Where other searches
 *     go on meanwhile (overlap), a walk does not look ahead: their hops pass the time as well.
 *  3. The pool is one sorted array instead of two heaps (scratch.h). */
#include "index/hnsw/hnsw.h"

#include "index/hnsw/early_end.h"
#include <assert.h>
#include <errno.h>
#include <math.h>

#define INLINE         static inline __attribute__((always_inline))
#define LANES          8
#define HOPS_PER_PAUSE 32 /* 10 to 30 us */
/* links read between two glances at whether the list has ended */
#define LINKS_STEP   8
#define CACHED_BYTES (256 * 1024) /* codes of so few bytes are in the second cache anyway */
/* bytes of a code: those of a hop must fit the second cache; the hardware streams the rest */
#define PREFETCH_MAX 4096

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

/* Into the second cache: all codes of a hop. Prefetches into the first hold its few miss buffers
 * until the lines come, and wait for each other; the second cache has more of them: rows of 13
 * lines are walked 1.5 times as fast. */
INLINE void prefetch_code(const void *code, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)code + i, 0, 2);
}

/* Ids are below: rows on the lowest layer, nodes above. */
INLINE uint32_t limit_of(const struct hnsw_walk *w, uint32_t level)
{
    return level == 0 ? w->limit : w->node_limit;
}

/* At most *ret_count links; LINK_NONE ends them earlier. */
INLINE const uint32_t *links_of(const struct hnsw_walk *w, uint32_t level, uint32_t id, uint32_t *ret_count)
{
    if (level == 0)
        return hnsw_links_read(w->graph, id, w->scratch->links, ret_count);
    *ret_count = w->graph->m;
    return hnsw_upper_links(w->graph, id, level);
}

/* The nearest candidate not yet expanded, or LINK_NONE. */
INLINE uint32_t pool_next(struct pool *p)
{
    const struct vek_nearest *near = &p->near;
    while (p->cursor < near->count && (near->ids[p->cursor] & CAND_EXPANDED))
        p->cursor++;
    return p->cursor < near->count ? near->ids[p->cursor] : LINK_NONE;
}

/* Where the log goes on, with room for a hop. */
INLINE uint32_t *log_room(struct search_scratch *s)
{
    if (s->log_count > VISIT_LOG) {
        s->log_overflow = true;
        s->log_forgotten += s->log_count;
        s->log_count = 0;
    }
    return s->log + s->log_count;
}

/* Marks the links of `id` that were not visited yet and writes them to the log. What is no
 * link for this walk, LINK_NONE or a row inserted since it began, counts as row `limit`, which
 * is marked from the start. No branch depends on a link, but for a glance now and then at
 * whether the list has ended. */
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

/* Steps 1 and 2; false when there is no candidate to expand. */
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

/* Writes as many as make whole lanes; what compilers make a vector of. */
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

/* The nearest newcomer is expanded next if nothing in the pool is nearer. Its links are asked for
 * before the pool is changed: the next hop begins with them. */
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

/* Steps 3 and 4. */
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

/* Hops until every candidate has been expanded. */
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
        if (!more) /* unless this hop has brought a candidate */
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

/* Strays that were not visited become candidates. At the end of a walk, for if it began at them,
 * they would fill a small pool, and keep out the way to rows that are found without them. */
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

/* Writes the links of a node and their rows; returns how many, and has their codes fetched. */
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

/* A layer above the lowest with a beam of one: on to the nearest neighbour as long as that
 * is nearer. Neighbours that two nodes have in common are scored twice, which costs less
 * than to remember them. */
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
        return search_layer(w, 0, ef, false); /* compiled apart */
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
