/* hnsw_repair.c -- adds a link to each row that no path of links leads to.
 *
 * Pruning removes a link because a kept neighbour is closer to its target. Usually the
 * target is reached through that neighbour, but nothing guarantees it, and among many equal
 * vectors it often fails. So between builds the lowest layer is flooded from the entry: all
 * links are followed. Every row that this does not reach gets a link, from the nearest
 * reached row that a walk finds. */
#include "index/hnsw/build/hnsw_builder.h"

#include "base/bits.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>

#define ROWS_PER_PAUSE 256
#define ROWS_LOOKED_AT 16384 /* rows that are looked at between pauses */
#define EF             32

void hnsw_link_surely(struct hnsw *g, const struct inlinks *inlinks, uint32_t row, uint32_t to)
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
        if (inlink_from(inlinks, links[i]) == row)
            continue;
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
    if (inlink_from(inlinks, links[max - 1]) == row)
        inlink_set(inlinks, links[max - 1], LINK_NONE);
    links[max - 1] = to;
}

/* Follows links until no row on the stack leads to a row that was not reached. */
static int flood_on(const struct hnsw *g, struct flood *f, const struct pause *pause)
{
    uint32_t steps = 0;
    while (f->depth > 0) {
        uint32_t from = f->stack[--f->depth];
        const uint32_t *links = hnsw_links(g, from);
        for (uint32_t i = 0; i < 2 * g->m && links[i] != LINK_NONE; i++) {
            if (!bits_test(f->reached, links[i])) {
                bits_set(f->reached, links[i]);
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

static void flood_from(struct flood *f, uint32_t row, uint32_t parent)
{
    bits_set(f->reached, row);
    f->parent[row] = parent;
    f->stack[f->depth++] = row;
}

/* Links from a reached row to one that is not reached: in a free place, or in place of a row
 * that is reached in another way. */
static bool take(struct hnsw *g, const struct hnsw_builder *b, uint32_t from, uint32_t row)
{
    const struct flood *f = &b->flood;
    uint32_t *links = hnsw_links(g, from);
    uint32_t n = links_count(links, 2 * g->m);
    if (n < 2 * g->m) {
        links[n] = row;
        return true;
    }
    while (n-- > 0) {
        if (f->parent[links[n]] != from && inlink_from(&b->inlinks, links[n]) != from) {
            links[n] = row;
            return true;
        }
    }
    return false;
}

/* Adds a link to the row from a reached row, if possible from a near one. */
static int attach(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t row,
                  const struct pause *pause)
{
    struct flood *f = &b->flood;
    struct hnsw_worker *worker = b->worker[0];
    struct codes_query query;
    codes_row_query(&query, codes, row, worker->weights);
    const struct hnsw_walk w = {.graph = g,
                                .query = &query,
                                .scratch = worker->scratch,
                                .limit = g->count,
                                .node_limit = g->nodes,
                                .pause = pause};
    int rc = hnsw_search(&w, EF);
    if (rc != 0)
        return rc;
    const struct pool *pool = &worker->scratch->pool;
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t from = pool->cand[i].id;
        if (bits_test(f->reached, from) && take(g, b, from, row)) {
            flood_from(f, row, from);
            return 0;
        }
    }
    for (; f->spare < g->count; f->spare++) { /* a row that cannot take a link now never can */
        if (bits_test(f->reached, f->spare) && take(g, b, f->spare, row)) {
            flood_from(f, row, f->spare);
            return 0;
        }
    }
    return 0;
}

static int start(struct hnsw *g, struct hnsw_builder *b)
{
    struct flood *f = &b->flood;
    *f = (struct flood){.reached = memory_aligned(bits_words(g->count) * sizeof(uint64_t)),
                        .parent = malloc((size_t)g->count * sizeof(uint32_t)),
                        .stack = malloc((size_t)g->count * sizeof(uint32_t)),
                        .rows = g->count};
    if (!f->reached || !f->parent || !f->stack) {
        hnsw_repair_drop(b);
        return -ENOMEM;
    }
    flood_from(f, g->entry == LINK_NONE ? 0 : hnsw_node(g, g->entry)->row, LINK_NONE);
    return 0;
}

void hnsw_repair_drop(struct hnsw_builder *b)
{
    memory_free(b->flood.reached);
    memory_free(b->flood.parent);
    memory_free(b->flood.stack);
    b->flood = (struct flood){0};
}

int hnsw_repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause)
{
    struct flood *f = &b->flood;
    int rc = g->count == 0 ? 0 : hnsw_builder_reserve(b, g, 1, 0);
    if (rc == 0 && f->rows != g->count) {
        hnsw_repair_drop(b);
        rc = g->count == 0 ? 0 : start(g, b);
    }
    if (rc == 0)
        rc = flood_on(g, f, pause);
    while (rc == 0 && f->row < g->count) {
        if (!bits_test(f->reached, f->row) && hnsw_is_linked(g, f->row)) {
            rc = attach(g, b, codes, f->row, pause);
            if (rc == 0)
                rc = flood_on(g, f, pause);
        } else if (f->row % ROWS_LOOKED_AT == 0) {
            rc = pause_here(pause);
        }
        f->row += rc == 0;
    }
    if (rc == 0) {
        hnsw_repair_drop(b);
        b->changes = 0;
    }
    return rc;
}
