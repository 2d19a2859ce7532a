/* hnsw.h -- a hierarchical navigable small world graph (HNSW: Malkov & Yashunin, TPAMI 2020) over
 * coded rows.
 *
 * The lowest layer holds every row: up to 2m links each, in an array of their own, so that codes
 * and links are fetched independently. A row that the dice put on higher layers is also a *node*.
 * Nodes have numbers of their own, and the links of higher layers name nodes, so that the lowest
 * layer carries nothing for them.
 *
 * Always true, at every pause:
 *  1. A list of links ends at its first LINK_NONE, or is full; what follows LINK_NONE is LINK_NONE.
 *  2. Every link of the lowest layer is below `count`; a link on layer l names a node whose level
 *     is at least l.
 *  3. A node's level is the highest layer it is on; its lists lie one behind another, layer 1
 *     first.
 *  4. `entry` is a node of the highest level, or LINK_NONE when there are no nodes: then walks
 *     begin at row 0.
 *  5. No link leads to a row that is a copy, or absent (copies.h), and such rows have no links. Row
 *     0 is neither.
 *
 * Departures from the paper:
 *  1. Rows enter in rounds on a frozen graph, not one by one (hnsw_builder.h).
 *  2. Neighbours are chosen in passes that put up with more and more occlusion (hnsw_select.c),
 *     under the inner product by angles, too (hnsw_select_ip.c).
 *  3. Distances are those of codes; the best candidates are scored again outside of the graph
 *     (refine.h).
 *  4. Equal rows are one row of the graph (copies.h).
 *  5. Each row is searched for by its own vector, and linked until it is found, or listed as a
 *     stray (hnsw_reach.c).
 *  6. When all rows are in, every list meets the rows that link to it and is chosen once more
 *     (hnsw_final_prune.c).
 *  7. A walk scores a whole hop at once, looks one hop ahead, and may end early (hnsw_search.c,
 *     early_end.h). */
#pragma once

#include "base/workers.h"
#include "index/copies.h"
#include "index/hnsw/links_packed.h"
#include "index/kind.h"
#include "index/scratch.h"
#include "vectors/codes/codes.h"
#include "vectors/row_array.h"

#define LEVEL_MAX  15
#define HNSW_M_MAX ((uint32_t)HOP_MAX / 2)
#define STRAYS_MAX 512

struct hnsw_node {
    uint32_t row;
    uint32_t first; /* of its lists in upper_links */
    uint32_t level; /* 1..LEVEL_MAX */
    uint32_t reserved;
};

struct hnsw {
    uint32_t m, ef_construct;
    uint64_t seed;
    uint32_t count;         /* rows */
    uint32_t nodes;         /* nodes */
    uint32_t lists;         /* lists in upper_links */
    uint32_t entry;         /* node */
    struct row_array links; /* row -> 2m rows */
    struct row_array node;  /* node -> struct hnsw_node */
    struct row_array upper; /* list -> m nodes */

    struct links_packed packed; /* instead of links, in a sealed graph that asked for it */

    /* rows that walks miss: each goes on from them at its end; owned, NULL when there are none */
    uint32_t *strays;
    uint32_t stray_count;

    /* rows without links, as another row stands for them; NULL: there are none */
    const struct copies *copies;
    uint32_t linked; /* rows below count that have links; while it grows */
};

void hnsw_init(struct hnsw *g, const struct index_options *options);
void hnsw_fini(struct hnsw *g);
uint64_t hnsw_bytes(const struct hnsw *g);

static inline uint32_t *hnsw_links(const struct hnsw *g, uint32_t row)
{
    return row_array_at(&g->links, row);
}

/* Is the row a point of the graph, rather than a copy of one? */
static inline bool hnsw_is_linked(const struct hnsw *g, uint32_t row)
{
    return !g->copies || copies_is_linked(g->copies, row);
}

/* Is `to` in the list of `from`, on the lowest layer? All places are read: no branch is missed. */
static inline bool hnsw_links_to(const struct hnsw *g, uint32_t from, uint32_t to)
{
    const uint32_t *links = hnsw_links(g, from);
    bool found = false;
    for (uint32_t i = 0; i < 2 * g->m; i++)
        found |= links[i] == to;
    return found;
}

static inline bool hnsw_is_packed(const struct hnsw *g)
{
    return g->packed.shape.max != 0;
}

/* A row's links for who only reads, wherever they are kept: *ret_count, or fewer when LINK_NONE
 * ends them. `buffer` has room for HOP_MAX. */
static inline const uint32_t *hnsw_links_read(const struct hnsw *g, uint32_t row, uint32_t *buffer, uint32_t *ret_count)
{
    if (hnsw_is_packed(g)) {
        *ret_count = links_packed_read(&g->packed, row, buffer);
        return buffer;
    }
    *ret_count = 2 * g->m;
    return hnsw_links(g, row);
}

static inline struct hnsw_node *hnsw_node(const struct hnsw *g, uint32_t node)
{
    return row_array_at(&g->node, node);
}

static inline uint32_t *hnsw_upper_links(const struct hnsw *g, uint32_t node, uint32_t level)
{
    return row_array_at(&g->upper, hnsw_node(g, node)->first + level - 1);
}

/* A query over a graph whose rows are coded. A search that a pause interleaves with insertions sees
 * only the rows that were there when it began. */
struct hnsw_walk {
    const struct hnsw *graph;
    const struct codes_query *query;
    struct search_scratch *scratch;
    uint32_t limit;      /* graph->count when the walk began */
    uint32_t node_limit; /* graph->nodes then */
    bool no_strays;      /* end without them */
    /* the walk may end early, by this many candidates (early_end.h); 0: it expands all ef */
    uint32_t early_k;
    const struct pause *pause;
    /* another search goes on while a hop's codes are fetched; may be NULL */
    void (*overlap)(void *arg);
    void *overlap_arg;
    /* codes are swapped when *epoch changes: then the walk ends with -EAGAIN; may be NULL */
    const uint32_t *epoch;
    /* a row that the walk passes over as if it were not linked; not on a higher layer; may be
     * NULL */
    const uint32_t *hidden;
};

/* Walks down to the lowest layer and leaves the ef nearest rows found in scratch->pool, nearest
 * first. The graph is not empty. -ENOMEM, -EAGAIN, or what the pause returned. */
MUST_USE int hnsw_search(const struct hnsw_walk *w, uint32_t ef);
/* One step of it: searches one layer, from what the pool holds. Ids in the pool are rows on
 * layer 0, nodes above. */
MUST_USE int hnsw_search_layer(const struct hnsw_walk *w, uint32_t level, uint32_t ef);
/* Puts a start into the empty pool. */
void hnsw_start(const struct hnsw_walk *w, uint32_t level, uint32_t id);
/* The highest layer, where a walk starts at `entry` (0 when there are no nodes). */
uint32_t hnsw_top(const struct hnsw *g);
MUST_USE int hnsw_walk_prepare(const struct hnsw_walk *w, uint32_t ef);

/* What a build works in (hnsw_builder.h). */
struct hnsw_builder;
MUST_USE struct hnsw_builder *hnsw_builder_create(const struct hnsw *g, const struct codes *codes);
void hnsw_builder_destroy(struct hnsw_builder *b);
uint64_t hnsw_builder_bytes(const struct hnsw_builder *b);

/* Inserts rows [g->count, count), whose codes are there, in rounds. workers: NULL, this fiber
 * alone. -ENOMEM, or what the pause returned: then the graph is as it was after some round, and
 * the next call goes on. */
MUST_USE int hnsw_build(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t count,
                        const struct workers *workers, const struct pause *pause);
/* Forgets a round that was stopped: the codes it was made with are others now. */
void hnsw_round_drop(struct hnsw_builder *b);

/* All rows are in: chooses each list of the lowest layer once more, from its links and the
 * rows that link to it. hnsw_repair() should follow. -ENOMEM, or what the pause returned: then
 * the next call goes on. */
MUST_USE int hnsw_final_prune(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes,
                              const struct workers *workers, const struct pause *pause);

/* Looks for rows that no walk can reach and links them in. Call when building rests; pauses. */
MUST_USE int hnsw_repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause);

/* Searches for rows by their own vectors, and links those in that are not found; who cannot be is a
 * stray then. What the searches are done with, where the graph is going to be searched: */
struct reach_search {
    const struct hnsw *graph;
    const struct codes *codes;
    const struct rows *vectors;
};
enum reach_scope {
    REACH_ALL, /* the graph is complete: all rows, or as many as the file says */
    /* it grows: rows that have come, or that later rows may have cut off (hnsw_inlinks.c) */
    REACH_DUE,
};
/* -ENOMEM, or what the pause returned: then the next call goes on. */
MUST_USE int hnsw_reach(struct hnsw *g, struct hnsw_builder *b, const struct reach_search *search,
                        enum reach_scope scope, const struct workers *workers, const struct pause *pause);

/* Checks the four sentences above, for bytes that came from a disk. -EINVAL with *ret_why (a
 * literal), or what the pause returned. */
MUST_USE int hnsw_verify(const struct hnsw *g, const struct pause *pause, const char **ret_why);
