/* hnsw_repair.c -- rows that no walk reaches.
 *
 * Pruning removes a link because a kept neighbour is closer to its target; usually the target is reached through that
 * neighbour, but nothing guarantees it, and among many equal vectors it often fails. So when building rests, the lowest
 * layer is flooded from where walks begin, and every row left dry is linked from the nearest wet row that a walk finds. */
#include "index/hnsw_builder.h"

#include "base/bits.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>

#define ROWS_PER_PAUSE 256
#define EF             32

struct flood {
    uint64_t *wet;
    uint32_t *stack;
    uint32_t depth;
};

static int flood_from(const struct hnsw *g, struct flood *f, uint32_t row, const struct pause *pause)
{
    uint32_t steps = 0;
    bits_set(f->wet, row);
    f->stack[f->depth++] = row;
    while (f->depth > 0) {
        const uint32_t *links = hnsw_links(g, f->stack[--f->depth]);
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++) {
            if (!bits_test(f->wet, links[i])) {
                bits_set(f->wet, links[i]);
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

/* Links a dry row from the nearest rows a walk finds, which are wet: walks reach nothing else. One with room is taken
 * first, so that no other row loses its link. */
static int attach(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t row,
                  const struct pause *pause)
{
    struct sq8_query query;
    sq8_query_of_row(&query, codes, row, b->weights);
    struct hnsw_walk w = {.graph = g,
                          .codes = codes,
                          .query = &query,
                          .scratch = b->scratch,
                          .limit = g->count,
                          .node_limit = g->nodes,
                          .pause = pause};
    int rc = hnsw_search(&w, EF);
    if (rc != 0)
        return rc;
    const struct pool *pool = &b->scratch->pool;
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t from = pool->cand[i].id;
        if (from != row && links_count(hnsw_links(g, from), 2 * g->m) < 2 * g->m) {
            hnsw_link_surely(g, from, row);
            return 0;
        }
    }
    if (pool->cand[0].id != row)
        hnsw_link_surely(g, pool->cand[0].id, row);
    return 0;
}

static int repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, struct flood *f,
                  const struct pause *pause)
{
    /* A walk begins at row 0, or comes down from any node. */
    int rc = g->nodes == 0 ? flood_from(g, f, 0, pause) : 0;
    for (uint32_t i = 0; rc == 0 && i < g->nodes; i++)
        if (!bits_test(f->wet, hnsw_node(g, i)->row))
            rc = flood_from(g, f, hnsw_node(g, i)->row, pause);
    for (uint32_t row = 0; rc == 0 && row < g->count; row++) {
        if (bits_test(f->wet, row))
            continue;
        rc = attach(g, b, codes, row, pause);
        if (rc == 0)
            rc = flood_from(g, f, row, pause);
    }
    return rc;
}

int hnsw_repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause)
{
    if (g->count == 0)
        return 0;
    struct flood f = {.wet = memory_aligned(bits_words(g->count) * sizeof(uint64_t)),
                      .stack = malloc((size_t)g->count * sizeof(uint32_t))};
    int rc = f.wet && f.stack ? repair(g, b, codes, &f, pause) : -ENOMEM;
    free(f.wet);
    free(f.stack);
    if (rc == 0)
        b->changes = 0;
    return rc;
}
