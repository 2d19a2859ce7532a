/* hnsw_build.c -- inserting one row.
 *
 * First everything is searched and chosen, with pauses; then the links are written, without: a search that runs at a pause
 * meets either the graph before the insertion or the one after. Links are written so that a list is valid at any moment. */
#include "index/hnsw_builder.h"

#include "base/memory.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STARTS_MAX 16 /* how many of a layer's candidates the layer below starts from */

struct hnsw_builder *hnsw_builder_create(const struct hnsw *g, const struct codes *codes)
{
    struct hnsw_builder *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->slots = 2 * g->m + 1;
    b->stride = codes->stride;
    b->scratch = search_scratch_create();
    b->weights = memory_aligned(2 * (size_t)b->stride);
    b->kept_weights = memory_aligned((size_t)b->slots * b->stride);
    b->kept_row = calloc(b->slots, sizeof(*b->kept_row));
    b->kept = calloc(b->slots, sizeof(*b->kept));
    b->selected = calloc((size_t)b->slots * (LEVEL_MAX + 1), sizeof(*b->selected));
    b->pruning = calloc(b->slots, sizeof(*b->pruning));
    b->ids = calloc(b->slots, sizeof(*b->ids));
    b->rows = calloc(b->slots, sizeof(*b->rows));
    if (!b->scratch || !b->weights || !b->kept_weights || !b->kept_row || !b->kept || !b->selected || !b->pruning ||
        !b->ids || !b->rows) {
        hnsw_builder_destroy(b);
        return NULL;
    }
    for (uint32_t i = 0; i < b->slots; i++)
        b->kept_row[i] = b->kept_weights + (size_t)i * b->stride;
    return b;
}

void hnsw_builder_destroy(struct hnsw_builder *b)
{
    if (!b)
        return;
    search_scratch_destroy(b->scratch);
    free(b->weights);
    free(b->kept_weights);
    free(b->kept_row);
    free(b->kept);
    free(b->selected);
    free(b->pruning);
    free(b->ids);
    free(b->rows);
    free(b);
}

uint64_t hnsw_builder_bytes(const struct hnsw_builder *b)
{
    return b ? sizeof(*b) + scratch_bytes(b->scratch) + (uint64_t)(b->slots + 2) * b->stride +
                   (uint64_t)b->slots * (LEVEL_MAX + 5) * sizeof(struct cand)
             : 0;
}

/* The level of a row: floor(-ln U / ln m), U drawn from the seed and the row alone (SplitMix64), so that the same input
 * makes the same graph. */
static uint32_t level_of(const struct hnsw *g, uint32_t row)
{
    uint64_t z = g->seed + (row + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    double u = ((double)(z >> 11) + 1) * 0x1p-53; /* in (0, 1] */
    double level = -log(u) / log(g->m);
    return level < LEVEL_MAX ? (uint32_t)level : LEVEL_MAX;
}

void hnsw_link_surely(struct hnsw *g, uint32_t row, uint32_t to)
{
    uint32_t max = 2 * g->m;
    uint32_t *links = hnsw_links(g, row);
    uint32_t n = links_count(links, max);
    for (uint32_t i = 0; i < n; i++)
        if (links[i] == to)
            return;
    if (n < max) {
        links[n] = to;
        return;
    }
    for (uint32_t i = max; i-- > 0;) {
        const uint32_t *theirs = hnsw_links(g, links[i]);
        for (uint32_t j = 0; j < max && theirs[j] != LINK_NONE; j++) {
            const uint32_t *back = hnsw_links(g, theirs[j]);
            for (uint32_t k = 0; theirs[j] != row && k < max && back[k] != LINK_NONE; k++) {
                if (back[k] == links[i]) {
                    links[i] = to;
                    return;
                }
            }
        }
    }
    links[max - 1] = to;
}

static int nearer(const void *a, const void *b)
{
    const struct cand *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort(struct cand *c, uint32_t n)
{
    if (n > 64) {
        qsort(c, n, sizeof(*c), nearer);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct cand moving = c[i];
        uint32_t j = i;
        for (; j > 0 && nearer(&moving, &c[j - 1]) < 0; j--)
            c[j] = c[j - 1];
        c[j] = moving;
    }
}

bool hnsw_link(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t level, uint32_t id,
               uint32_t to)
{
    uint32_t max = level_links_max(g, level);
    uint32_t *links = level_links(g, level, id);
    uint32_t n = links_count(links, max);
    if (n < max) {
        links[n] = to;
        return true;
    }
    memcpy(b->ids, links, n * sizeof(*links));
    b->ids[n++] = to;
    for (uint32_t i = 0; i < n; i++) {
        b->rows[i] = level_row(g, level, b->ids[i]);
        const char *code = codes_at(codes, b->rows[i]);
        for (uint32_t line = 0; line < codes->stride && line < 512; line += 64)
            __builtin_prefetch(code + line);
    }
    struct codes_query query;
    codes_query_of_row(&query, codes, level_row(g, level, id), b->weights + b->stride);
    struct search_scratch *s = b->scratch; /* its batch arrays are free outside walks; n may be one more than a hop */
    for (uint32_t from = 0; from < n; from += HOP_MAX) {
        uint32_t part = n - from < HOP_MAX ? n - from : HOP_MAX;
        codes_distances(&query, b->rows + from, part, s->rows, s->distances);
        for (uint32_t i = 0; i < part; i++)
            b->pruning[from + i] = (struct cand){s->distances[i], b->ids[from + i]};
    }
    sort(b->pruning, n);
    uint32_t kept = hnsw_select(g, b, codes, (struct hnsw_candidates){b->pruning, n, max, level});
    bool holds = false;
    for (uint32_t i = 0; i < kept; i++) {
        links[i] = b->pruning[i].id;
        holds |= links[i] == to;
    }
    for (uint32_t i = kept; i < max; i++)
        links[i] = LINK_NONE;
    return holds;
}

/* Room for the row, its node and its lists: from here on nothing can fail. */
static int reserve(struct hnsw *g, uint32_t level)
{
    int rc = column_reserve(&g->links, g->count + 1);
    if (rc == 0 && level)
        rc = column_reserve(&g->node, g->nodes + 1);
    if (rc == 0 && level)
        rc = column_reserve(&g->upper, g->lists + level);
    return rc;
}

static void append(struct hnsw *g, uint32_t level)
{
    memset(hnsw_links(g, g->count), 0xff, 2 * g->m * sizeof(uint32_t));
    if (level == 0)
        return;
    *hnsw_node(g, g->nodes) = (struct hnsw_node){.row = g->count, .first = g->lists, .level = level};
    for (uint32_t l = 1; l <= level; l++)
        memset(hnsw_upper_links(g, g->nodes, l), 0xff, g->m * sizeof(uint32_t));
}

/* Searches all layers from the top for the neighbours of the row: b->selected[level][0 .. ret_count[level]). */
static int choose(const struct hnsw *g, struct hnsw_builder *b, const struct hnsw_walk *w, uint32_t level,
                  uint32_t *ret_count)
{
    struct pool *pool = &b->scratch->pool;
    uint32_t top = hnsw_top(g);
    int rc = hnsw_walk_prepare(w, g->ef_construct);
    if (rc < 0)
        return rc;
    hnsw_start(w, top, top ? g->entry : 0);
    for (uint32_t l = top;; l--) {
        rc = hnsw_search_layer(w, l, l > level ? 1 : g->ef_construct);
        if (rc != 0)
            return rc;
        struct cand *selected = b->selected + (size_t)l * b->slots;
        struct cand starts[STARTS_MAX];
        uint32_t n = pool->count < STARTS_MAX ? pool->count : STARTS_MAX;
        memcpy(starts, pool->cand, n * sizeof(*starts));
        if (l <= level) {
            ret_count[l] = hnsw_select(g, b, w->query->codes,
                                       (struct hnsw_candidates){pool->cand, pool->count, level_links_max(g, l), l});
            memcpy(selected, pool->cand, ret_count[l] * sizeof(*selected));
        }
        if (l == 0)
            return 0;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t id = starts[i].id;
            pool->cand[i] = (struct cand){starts[i].distance, l == 1 ? hnsw_node(g, id)->row : id};
        }
        pool->count = n;
    }
}

/* Writes the links of the new row (number g->count, node g->nodes), and the links back to it. */
static void connect(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t level, uint32_t top,
                    const uint32_t *count)
{
    for (uint32_t l = 0; l <= level && l <= top; l++) {
        const struct cand *selected = b->selected + (size_t)l * b->slots;
        uint32_t self = l == 0 ? g->count : g->nodes;
        uint32_t *links = level_links(g, l, self);
        for (uint32_t i = 0; i < count[l]; i++)
            links[i] = selected[i].id;
        bool reachable = false;
        for (uint32_t i = 0; i < count[l]; i++)
            reachable |= hnsw_link(g, b, codes, l, selected[i].id, self);
        if (l == 0 && !reachable && count[0] > 0)
            hnsw_link_surely(g, selected[0].id, self);
    }
}

int hnsw_insert(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause)
{
    uint32_t row = g->count, level = level_of(g, row), top = hnsw_top(g);
    uint32_t count[LEVEL_MAX + 1] = {0};
    int rc = reserve(g, level);
    if (rc < 0)
        return rc;
    if (row > 0) {
        struct codes_query query;
        codes_query_of_row(&query, codes, row, b->weights);
        struct hnsw_walk w = {
            .graph = g, .query = &query, .scratch = b->scratch, .limit = row, .node_limit = g->nodes, .pause = pause};
        rc = choose(g, b, &w, level, count);
        if (rc != 0)
            return rc;
    }
    append(g, level);
    connect(g, b, codes, level, top, count);
    if (level) {
        if (level > top)
            g->entry = g->nodes;
        g->nodes++;
        g->lists += level;
    }
    g->count++;
    b->changes++;
    return 0;
}
