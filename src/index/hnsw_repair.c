/* hnsw_repair.c -- rows that no walk reaches.
 *
 * Pruning removes a link because a kept neighbour is closer to its target; usually the target is reached through that
 * neighbour, but nothing guarantees it, and among many equal vectors it often fails. So when building rests, the lowest
 * layer is flooded from the entry, and every row left dry is linked from the nearest wet row that a walk finds. */
#include "index/hnsw_builder.h"

#include "base/bits.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>

#define ROWS_PER_PAUSE 256
#define ROWS_LOOKED_AT 16384 /* for being dry, between pauses */
#define EF             32

struct flood {
    uint64_t *wet;
    uint32_t *parent; /* the row it was reached from: links that are no parent's can be given up */
    uint32_t *stack;
    uint32_t depth;
    uint32_t spare; /* the first row that may take a link, when none near can */
};

static int flood_from(const struct hnsw *g, struct flood *f, uint32_t row, uint32_t parent, const struct pause *pause)
{
    uint32_t steps = 0;
    bits_set(f->wet, row);
    f->parent[row] = parent;
    f->stack[f->depth++] = row;
    while (f->depth > 0) {
        uint32_t from = f->stack[--f->depth];
        const uint32_t *links = hnsw_links(g, from);
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++) {
            if (!bits_test(f->wet, links[i])) {
                bits_set(f->wet, links[i]);
                f->parent[links[i]] = from;
                f->stack[f->depth++] = links[i];
            }
        }
        if (++steps % ROWS_PER_PAUSE == 0) {
            int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Links a wet row to a dry one where there is room, or in place of a row that is reached in another way. */
static bool take(struct hnsw *g, const struct flood *f, uint32_t from, uint32_t row)
{
    uint32_t *links = hnsw_links(g, from);
    uint32_t n = links_count(links, 2 * g->m);
    if (n < 2 * g->m) {
        links[n] = row;
        return true;
    }
    while (n-- > 0) {
        if (f->parent[links[n]] != from) {
            links[n] = row;
            return true;
        }
    }
    return false;
}

/* Finds a wet row for a dry one, the nearer the better. */
static int attach(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, struct flood *f, uint32_t row,
                  const struct pause *pause)
{
    struct codes_query query;
    codes_query_of_row(&query, codes, row, b->weights);
    struct hnsw_walk w = {
        .graph = g, .query = &query, .scratch = b->scratch, .limit = g->count, .node_limit = g->nodes, .pause = pause};
    int rc = hnsw_search(&w, EF);
    if (rc != 0)
        return rc;
    const struct pool *pool = &b->scratch->pool;
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t from = pool->cand[i].id;
        if (bits_test(f->wet, from) && take(g, f, from, row))
            return flood_from(g, f, row, from, pause);
    }
    for (; f->spare < g->count; f->spare++) /* a row that cannot take one link now never can */
        if (bits_test(f->wet, f->spare) && take(g, f, f->spare, row))
            return flood_from(g, f, row, f->spare, pause);
    return 0;
}

static int repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, struct flood *f,
                  const struct pause *pause)
{
    int rc = flood_from(g, f, g->entry == LINK_NONE ? 0 : hnsw_node(g, g->entry)->row, LINK_NONE, pause);
    for (uint32_t row = 0; rc == 0 && row < g->count; row++) {
        if (!bits_test(f->wet, row))
            rc = attach(g, b, codes, f, row, pause);
        else if (row % ROWS_LOOKED_AT == 0)
            rc = pause_here(pause);
    }
    return rc;
}

int hnsw_repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause)
{
    if (g->count == 0)
        return 0;
    struct flood f = {.wet = memory_aligned(bits_words(g->count) * sizeof(uint64_t)),
                      .parent = malloc((size_t)g->count * sizeof(uint32_t)),
                      .stack = malloc((size_t)g->count * sizeof(uint32_t))};
    int rc = f.wet && f.parent && f.stack ? repair(g, b, codes, &f, pause) : -ENOMEM;
    free(f.wet);
    free(f.parent);
    free(f.stack);
    if (rc == 0)
        b->changes = 0;
    return rc;
}
