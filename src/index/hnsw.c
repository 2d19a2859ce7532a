/* hnsw.c -- the graph as data: storage and the check of what was read from a disk. */
#include "index/hnsw.h"

#include <string.h>

void hnsw_init(struct hnsw *g, const struct hnsw_options *options)
{
    *g = (struct hnsw){
        .m = options->m, .ef_construct = options->ef_construct, .seed = options->seed, .entry = LINK_NONE};
    column_init(&g->links, 2 * g->m * (uint32_t)sizeof(uint32_t));
    column_init(&g->node, sizeof(struct hnsw_node));
    column_init(&g->upper, g->m * (uint32_t)sizeof(uint32_t));
}

void hnsw_fini(struct hnsw *g)
{
    column_fini(&g->links);
    column_fini(&g->node);
    column_fini(&g->upper);
    *g = (struct hnsw){0};
}

uint64_t hnsw_bytes(const struct hnsw *g)
{
    return column_bytes(&g->links) + column_bytes(&g->node) + column_bytes(&g->upper);
}

static const char *verify_rows(const struct hnsw *g)
{
    for (uint32_t row = 0; row < g->count; row++) {
        const uint32_t *links = hnsw_links(g, row);
        bool ended = false;
        for (uint32_t i = 0; i < 2 * g->m; i++) {
            if (links[i] == LINK_NONE)
                ended = true;
            else if (ended || links[i] >= g->count || links[i] == row)
                return "a link names no row";
        }
    }
    return NULL;
}

static const char *verify_nodes(const struct hnsw *g, uint32_t *ret_level_max)
{
    uint32_t lists = 0, previous = 0;
    for (uint32_t i = 0; i < g->nodes; i++) {
        const struct hnsw_node *n = hnsw_node(g, i);
        if (n->row >= g->count || (i > 0 && n->row <= previous))
            return "the nodes are not in the order of their rows";
        if (n->level < 1 || n->level > LEVEL_MAX || n->first != lists || n->level > g->lists - lists)
            return "a node's lists are not where they should be";
        lists += n->level;
        previous = n->row;
        if (n->level > *ret_level_max)
            *ret_level_max = n->level;
    }
    return lists == g->lists ? NULL : "lists belong to no node";
}

static const char *verify_upper(const struct hnsw *g)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t level_max = hnsw_node(g, i)->level;
        for (uint32_t level = 1; level <= level_max; level++) {
            const uint32_t *links = hnsw_upper_links(g, i, level);
            bool ended = false;
            for (uint32_t j = 0; j < g->m; j++) {
                if (links[j] == LINK_NONE)
                    ended = true;
                else if (ended || links[j] >= g->nodes || links[j] == i || hnsw_node(g, links[j])->level < level)
                    return "a link of a higher layer names no node of it";
            }
        }
    }
    return NULL;
}

const char *hnsw_verify(const struct hnsw *g)
{
    uint32_t level_max = 0;
    const char *why = verify_rows(g);
    if (!why)
        why = verify_nodes(g, &level_max);
    if (!why)
        why = verify_upper(g);
    if (why)
        return why;
    if (g->nodes == 0)
        return g->entry == LINK_NONE ? NULL : "the entry names no node";
    return g->entry < g->nodes && hnsw_node(g, g->entry)->level == level_max ? NULL
                                                                             : "the entry is not on the top layer";
}
