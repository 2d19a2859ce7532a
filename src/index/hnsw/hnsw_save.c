/* hnsw_save.c -- writes the graph as regions of bytes, and opens it from them. No byte is
 * trusted: sizes must follow from the counts of the header, numbers are checked, and
 * hnsw_verify() reads every link.
 *
 *   graph    struct graph_header
 *   links    u32 [count][2m], or packed: links_packed.h
 *   nodes    struct hnsw_node [nodes]
 *   upper    u32 [lists][m]
 *   strays   u32 [..], ascending: rows that every walk goes on from at its end, at most
 *            512; may be missing */
#include "index/hnsw/hnsw_index.h"

#include "base/memory.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct graph_header {
    uint32_t m, ef_construct, nodes, lists;
    uint32_t entry, links; /* enum links_kind */
    uint64_t seed;
    uint64_t reserved[4]; /* zero */
};
static_assert(sizeof(struct graph_header) == 64, "on disk");
static_assert(sizeof(struct hnsw_node) == 16, "on disk");

/* The packed links of a finished or opened index; NULL: its links are plain. */
static const struct links_packed *packed_links(const struct hnsw_index *x)
{
    return x->packed.shape.max ? &x->packed : hnsw_is_packed(&x->graph) ? &x->graph.packed : NULL;
}

int hnsw_index_join(struct index *base, const struct index_options *made, const struct pause *pause)
{
    struct hnsw_index *x = hnsw_index_of(base);
    struct hnsw *g = &x->graph;
    int rc = 0;
    if (!made || made->links != LINKS_PACKED)
        links_packed_fini(&x->packed);
    else if (!packed_links(x))
        rc = links_packed_make(&x->packed, &g->links, 2 * g->m, g->count, pause);
    if (rc == 0)
        rc = row_array_join(&g->links, g->count, pause);
    if (rc == 0)
        rc = row_array_join(&g->node, g->nodes, pause);
    return rc == 0 ? row_array_join(&g->upper, g->lists, pause) : rc;
}

int hnsw_index_save(struct index *base, struct index_regions *ret)
{
    struct hnsw_index *x = hnsw_index_of(base);
    const struct hnsw *g = &x->graph;
    const struct links_packed *packed = packed_links(x);
    if (!x->header)
        x->header = malloc(sizeof(struct graph_header));
    if (!x->header)
        return -ENOMEM;
    *(struct graph_header *)x->header = (struct graph_header){.m = g->m,
                                                              .ef_construct = g->ef_construct,
                                                              .nodes = g->nodes,
                                                              .lists = g->lists,
                                                              .entry = g->entry,
                                                              .links = packed ? LINKS_PACKED : LINKS_PLAIN,
                                                              .seed = g->seed};
    index_regions_add(ret, "graph", x->header, sizeof(struct graph_header));
    if (packed)
        index_regions_add(ret, "links", row_array_piece(&packed->sets), links_packed_size(packed, g->count));
    else
        index_regions_add(ret, "links", row_array_piece(&g->links), (uint64_t)g->count * 2 * g->m * sizeof(uint32_t));
    index_regions_add(ret, "nodes", row_array_piece(&g->node), (uint64_t)g->nodes * sizeof(struct hnsw_node));
    index_regions_add(ret, "upper", row_array_piece(&g->upper), (uint64_t)g->lists * g->m * sizeof(uint32_t));
    if (g->stray_count)
        index_regions_add(ret, "strays", g->strays, g->stray_count * sizeof(uint32_t));
    return 0;
}

/* -- opening -- */

static const char *header_check(const struct graph_header *h, uint32_t count)
{
    static const uint64_t zeros[ARRAY_LEN(h->reserved)];
    if (h->m < 2 || h->m > HNSW_M_MAX || h->ef_construct < 1 || h->ef_construct > UINT16_MAX ||
        count > INDEX_ROWS_MAX || h->nodes > count || h->lists < h->nodes || h->lists > (uint64_t)h->nodes * LEVEL_MAX)
        return "the graph's header is out of range";
    if ((h->links != LINKS_PLAIN && h->links != LINKS_PACKED) || memcmp(h->reserved, zeros, sizeof(zeros)) != 0)
        return "the graph's header has values that are not known";
    return NULL;
}

static int open_links(struct index_opening *o, struct hnsw *g, enum links_kind kind)
{
    const uint32_t bytes = 2 * g->m * (uint32_t)sizeof(uint32_t);
    if (kind == LINKS_PLAIN)
        return index_region_open(o, &g->links, "links", bytes, o->count);
    const struct index_region *r = index_region_find(o, "links");
    if (!r)
        return index_region_wrong(o, "the links are missing");
    int rc = links_packed_open(&g->packed, 2 * g->m, o->count, r->bytes, r->size, o->copy_hot, o->pause);
    return rc == -EINVAL ? index_region_wrong(o, "the links have another size than the header says") : rc;
}

static int open_strays(struct index_opening *o, struct hnsw *g)
{
    const struct index_region *r = index_region_find(o, "strays");
    if (!r || r->size == 0)
        return 0;
    if (r->size % sizeof(uint32_t) || r->size > STRAYS_MAX * sizeof(uint32_t))
        return index_region_wrong(o, "there are more strays than a graph has");
    g->strays = malloc(r->size);
    if (!g->strays)
        return -ENOMEM;
    memcpy(g->strays, r->bytes, r->size);
    g->stray_count = (uint32_t)(r->size / sizeof(uint32_t));
    for (uint32_t i = 0; i < g->stray_count; i++)
        if (g->strays[i] >= o->count || (i > 0 && g->strays[i] <= g->strays[i - 1]))
            return index_region_wrong(o, "the strays are not rows in their order");
    return 0;
}

static int open_graph(struct index_opening *o, struct hnsw *g, const struct graph_header *h)
{
    g->count = o->count;
    g->m = h->m;
    g->ef_construct = h->ef_construct;
    g->seed = h->seed;
    g->nodes = h->nodes;
    g->lists = h->lists;
    g->entry = h->entry;
    int rc = open_links(o, g, h->links);
    if (rc == 0)
        rc = index_region_open(o, &g->node, "nodes", sizeof(struct hnsw_node), h->nodes);
    if (rc == 0)
        rc = index_region_open(o, &g->upper, "upper", h->m * (uint32_t)sizeof(uint32_t), h->lists);
    if (rc == 0)
        rc = open_strays(o, g);
    return rc == 0 ? hnsw_verify(g, o->pause, &o->why) : rc;
}

int hnsw_index_open(const struct index_host *host, struct index_opening *o, struct index **ret)
{
    const struct index_region *r = index_region_of_size(o, "graph", sizeof(struct graph_header));
    struct graph_header h;
    if (!r)
        return index_region_wrong(o, "the graph has no header");
    memcpy(&h, r->bytes, sizeof(h));
    const char *why = header_check(&h, o->count);
    if (why)
        return index_region_wrong(o, why);
    host->options->m = (uint16_t)h.m;
    host->options->ef_construct = (uint16_t)h.ef_construct;
    host->options->seed = h.seed;
    host->options->links = h.links;
    struct index *base;
    int rc = hnsw_index_create(host, &base);
    if (rc < 0)
        return rc;
    rc = open_graph(o, &hnsw_index_of(base)->graph, &h);
    if (rc != 0) {
        hnsw_index_destroy(base);
        return rc;
    }
    *ret = base;
    return 0;
}
