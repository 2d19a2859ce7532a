/* hnsw.h -- a hierarchical navigable small world graph (HNSW: Malkov & Yashunin, TPAMI
 * 2020) over coded rows.
 *
 * The lowest layer holds every row: up to 2m links each, in an array apart from the codes, so
 * that codes and links are fetched independently. A row that is also on higher layers, by a
 * random draw, is a *node*. Nodes have numbers of their own, and the links of higher layers name
 * nodes. So the lowest layer has no bytes for them.
 *
 * Always true, at every pause:
 * 1. A list of links ends at its first LINK_NONE, or is full. Everything behind a
 *    LINK_NONE is LINK_NONE.
 * 2. Every link of the lowest layer is below `count`. A link on layer l names a node whose
 *    level is at least l.
 * 3. A node's level is the highest layer it is on. Its lists lie one behind
 *    another, layer 1 first.
 * 4. `entry` is a node of the highest level. It is LINK_NONE when there are no nodes; then
 *    walks begin at row 0.
 * 5. No link leads to a row that is a copy or absent (copies.h), and such rows have no links.
 *    Row 0 is neither.
 *
 * Departures from the paper:
 * 1. Rows enter in rounds on a frozen graph, not one by one (hnsw_builder.h).
 * 2. Neighbours are chosen in passes that allow more and more occlusion (hnsw_select.c), under
 *    the inner product also by angles (hnsw_select_ip.c).
 * 3. Distances are those of codes; the best candidates are scored again outside of the
 *    graph (refine.h).
 * 4. Equal rows are one row of the graph (copies.h).
 * 5. Each row is searched for by its own vector, and linked until it is found, or listed as a
 *    stray (hnsw_reach.c).
 * 6. When all rows are in, every list is chosen once more, from its links and the rows that link
 *    to it (hnsw_final_prune.c).
 * 7. A walk scores a whole hop at once, prefetches one hop ahead, and may end early
 *    (hnsw_search.c, early_end.h). */
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
    uint32_t first; /* its first list in `upper` */
    uint32_t level; /* 1..LEVEL_MAX */
    uint32_t reserved;
};

struct hnsw {
    uint32_t m, ef_construct;
    uint64_t seed;
    uint32_t count;         /* number of rows */
    uint32_t nodes;         /* number of nodes */
    uint32_t lists;         /* number of lists in `upper` */
    uint32_t entry;         /* a node; LINK_NONE: there are none */
    struct row_array links; /* row -> 2m rows */
    struct row_array node;  /* node -> struct hnsw_node */
    struct row_array upper; /* list -> m nodes */

    struct links_packed packed; /* used instead of `links` in a sealed graph with packed links */

    /* rows that walks miss; each walk goes on from them at its end; owned; NULL: none */
    uint32_t *strays;
    uint32_t stray_count;

    /* says which rows have no links, because they are copies or absent; NULL: every row has
     * links */
    const struct copies *copies;
    uint32_t linked; /* rows below count that have links; kept while the graph grows */
};

void hnsw_init(struct hnsw *g, const struct index_options *options);
void hnsw_fini(struct hnsw *g);
uint64_t hnsw_bytes(const struct hnsw *g);

static inline uint32_t *hnsw_links(const struct hnsw *g, uint32_t row)
{
    return row_array_at(&g->links, row);
}

/* Whether the graph has the row itself: it is neither a copy nor absent. */
static inline bool hnsw_is_linked(const struct hnsw *g, uint32_t row)
{
    return !g->copies || copies_is_linked(g->copies, row);
}

/* Whether `from` links to `to` on the lowest layer. Reads all places, so that no
 * branch is mispredicted. */
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

/* The links of a row, to be read only, plain or packed. There are *ret_count of them, or fewer
 * when LINK_NONE ends them. `buffer` has room for HOP_MAX. */
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

/* A query over a graph. A walk that other work interrupts at a pause sees only the rows that
 * were there when it began. */
struct hnsw_walk {
    const struct hnsw *graph;
    const struct codes_query *query;
    struct search_scratch *scratch;
    uint32_t limit;      /* graph->count when the walk began */
    uint32_t node_limit; /* graph->nodes then */
    bool no_strays;      /* do not go on from strays */
    /* the walk may end early, but keeps this many candidates (early_end.h); 0: it expands all ef */
    uint32_t early_k;
    const struct pause *pause;
    /* lets another search go on while the codes of a hop are fetched; NULL: none */
    void (*overlap)(void *arg);
    void *overlap_arg;
    /* changes when the codes are replaced; then the walk ends with -EAGAIN; may be NULL */
    const uint32_t *epoch;
    /* a row that the walk ignores; it is on no higher layer; NULL: none */
    const uint32_t *hidden;
};

/* Walks down to the lowest layer, and leaves the ef nearest rows that it found in scratch->pool,
 * nearest first. The graph must not be empty. -ENOMEM, -EAGAIN, or what the pause returned. */
MUST_USE int hnsw_search(const struct hnsw_walk *w, uint32_t ef);
/* One step of a walk: searches one layer, beginning at the ids in the pool. Ids are rows on
 * layer 0, nodes above. */
MUST_USE int hnsw_search_layer(const struct hnsw_walk *w, uint32_t level, uint32_t ef);
/* Puts the start of a walk into the empty pool. */
void hnsw_start(const struct hnsw_walk *w, uint32_t level, uint32_t id);
/* The highest layer. A walk starts there at `entry`; without nodes, at row 0 of layer 0. */
uint32_t hnsw_top(const struct hnsw *g);
MUST_USE int hnsw_walk_prepare(const struct hnsw_walk *w, uint32_t ef);

/* The state of a build (hnsw_builder.h). */
struct hnsw_builder;
MUST_USE struct hnsw_builder *hnsw_builder_create(const struct hnsw *g, const struct codes *codes);
void hnsw_builder_destroy(struct hnsw_builder *b);
uint64_t hnsw_builder_bytes(const struct hnsw_builder *b);

/* Inserts rows [g->count, count), which have codes, in rounds. workers NULL: this fiber does
 * all work. -ENOMEM, or what the pause returned; then the graph is as after some round, and
 * another call goes on. */
MUST_USE int hnsw_build(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t count,
                        const struct workers *workers, const struct pause *pause);
/* Drops a round that was stopped, because its codes were replaced. */
void hnsw_round_drop(struct hnsw_builder *b);

/* When all rows are in: chooses each list of the lowest layer once more, from its links and the
 * rows that link to it. hnsw_repair() should follow. -ENOMEM, or what the pause returned; then
 * another call goes on. */
MUST_USE int hnsw_final_prune(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes,
                              const struct workers *workers, const struct pause *pause);

/* Finds rows that no path of links leads to, and links to them. To be called
 * between builds. Pauses. */
MUST_USE int hnsw_repair(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct pause *pause);

/* Searches for rows by their own vectors, and adds links to rows that are not found. A row that
 * is still not found becomes a stray. The searches use this graph, with these codes: */
struct reach_search {
    const struct hnsw *graph;
    const struct codes *codes;
    const struct rows *vectors;
};
enum reach_scope {
    /* the graph is complete: all rows, or in a large graph the part that hnsw_reach.c says */
    REACH_ALL,
    /* the graph grows: new rows, and rows that later rows may have cut off (hnsw_inlinks.c) */
    REACH_DUE,
};
/* -ENOMEM, or what the pause returned; then another call goes on. */
MUST_USE int hnsw_reach(struct hnsw *g, struct hnsw_builder *b, const struct reach_search *search,
                        enum reach_scope scope, const struct workers *workers, const struct pause *pause);

/* Checks sentences 1 to 4 above, for bytes from a disk. -EINVAL with *ret_why (a literal), or
 * what the pause returned. */
MUST_USE int hnsw_verify(const struct hnsw *g, const struct pause *pause, const char **ret_why);
