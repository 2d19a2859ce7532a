/* hnsw.c -- the storage of a graph, and the check of a graph that was read from a disk. Building
 * and walking both need it. */
#include "index/hnsw/hnsw.h"

#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_ROWS 512 /* rows checked between pauses: about 20 us */

void hnsw_init(struct hnsw *g, const struct index_options *options)
{
    *g = (struct hnsw){
        .m = options->m, .ef_construct = options->ef_construct, .seed = options->seed, .entry = LINK_NONE};
    row_array_init(&g->links, 2 * g->m * (uint32_t)sizeof(uint32_t));
    row_array_init(&g->node, sizeof(struct hnsw_node));
    row_array_init(&g->upper, g->m * (uint32_t)sizeof(uint32_t));
}

void hnsw_fini(struct hnsw *g)
{
    row_array_fini(&g->links);
    links_packed_fini(&g->packed);
    row_array_fini(&g->node);
    row_array_fini(&g->upper);
    memory_free(g->strays);
    *g = (struct hnsw){0};
}

uint64_t hnsw_bytes(const struct hnsw *g)
{
    return row_array_bytes(&g->links) + row_array_bytes(&g->packed.sets) + row_array_bytes(&g->node) +
           row_array_bytes(&g->upper);
}

/* Sets *ret_why and returns -EINVAL. */
static int is_wrong(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -EINVAL;
}

static int verify_rows(const struct hnsw *g, const struct pause *pause, const char **ret_why)
{
    if (hnsw_is_packed(g)) {
        int rc = links_packed_verify(&g->packed, g->count, pause);
        return rc == -EINVAL ? is_wrong(ret_why, "packed links name no row") : rc;
    }
    for (uint32_t row = 0; row < g->count; row++) {
        const uint32_t *links = hnsw_links(g, row);
        bool ended = false;
        for (uint32_t i = 0; i < 2 * g->m; i++) {
            if (links[i] == LINK_NONE)
                ended = true;
            else if (ended || links[i] >= g->count || links[i] == row)
                return is_wrong(ret_why, "a link names no row");
        }
        int rc = row % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int verify_nodes(const struct hnsw *g, const struct pause *pause, uint32_t *ret_level_max, const char **ret_why)
{
    uint32_t lists = 0, previous = 0;
    for (uint32_t i = 0; i < g->nodes; i++) {
        const struct hnsw_node *n = hnsw_node(g, i);
        if (n->row >= g->count || (i > 0 && n->row <= previous))
            return is_wrong(ret_why, "the nodes are not in the order of their rows");
        if (n->level < 1 || n->level > LEVEL_MAX || n->first != lists || n->level > g->lists - lists)
            return is_wrong(ret_why, "a node's lists are not where they should be");
        lists += n->level;
        previous = n->row;
        if (n->level > *ret_level_max)
            *ret_level_max = n->level;
        int rc = i % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return lists == g->lists ? 0 : is_wrong(ret_why, "lists belong to no node");
}

static bool upper_list_holds(const struct hnsw *g, uint32_t node, uint32_t level)
{
    const uint32_t *links = hnsw_upper_links(g, node, level);
    bool ended = false;
    for (uint32_t j = 0; j < g->m; j++) {
        if (links[j] == LINK_NONE)
            ended = true;
        else if (ended || links[j] >= g->nodes || links[j] == node || hnsw_node(g, links[j])->level < level)
            return false;
    }
    return true;
}

static int verify_upper(const struct hnsw *g, const struct pause *pause, const char **ret_why)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t level_max = hnsw_node(g, i)->level;
        for (uint32_t level = 1; level <= level_max; level++)
            if (!upper_list_holds(g, i, level))
                return is_wrong(ret_why, "a link of a higher layer names no node of it");
        int rc = i % PAUSE_ROWS == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int hnsw_verify(const struct hnsw *g, const struct pause *pause, const char **ret_why)
{
    uint32_t level_max = 0;
    int rc = verify_rows(g, pause, ret_why);
    if (rc == 0)
        rc = verify_nodes(g, pause, &level_max, ret_why);
    if (rc == 0)
        rc = verify_upper(g, pause, ret_why);
    if (rc != 0)
        return rc;
    if (g->nodes == 0)
        return g->entry == LINK_NONE ? 0 : is_wrong(ret_why, "the entry names no node");
    bool on_top = g->entry < g->nodes && hnsw_node(g, g->entry)->level == level_max;
    return on_top ? 0 : is_wrong(ret_why, "the entry is not on the top layer");
}
