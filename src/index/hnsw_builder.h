/* hnsw_builder.h -- what insertions work in; shared by hnsw_build.c, hnsw_select.c and hnsw_repair.c only. */
#pragma once

#include "index/hnsw.h"

/* A row folded into weights (sq8.h), so that others can be compared with it. */
struct kept {
    int32_t bias;
    union norm norm;
};

struct hnsw_builder {
    struct search_scratch *scratch;
    uint32_t slots; /* 2m + 1: a full list and the newcomer */
    uint32_t stride;
    int8_t *weights;       /* of the row being inserted, of the row being pruned: stride bytes each */
    int8_t *kept_weights;  /* [slots][stride] */
    const void **kept_row; /* [slots]: where each of these begins */
    struct kept *kept;     /* [slots] */
    struct cand *selected; /* [slots] */
    struct cand *pruning;  /* [slots] */
    uint32_t *ids, *rows;  /* [slots] */
    uint32_t changes;      /* insertions since the last hnsw_repair() */
};

static inline uint32_t level_row(const struct hnsw *g, uint32_t level, uint32_t id)
{
    return level == 0 ? id : hnsw_node(g, id)->row;
}

static inline uint32_t *level_links(const struct hnsw *g, uint32_t level, uint32_t id)
{
    return level == 0 ? hnsw_links(g, id) : hnsw_upper_links(g, id, level);
}

static inline uint32_t level_links_max(const struct hnsw *g, uint32_t level)
{
    return level == 0 ? 2 * g->m : g->m;
}

static inline uint32_t links_count(const uint32_t *links, uint32_t max)
{
    uint32_t n = 0;
    while (n < max && links[n] != LINK_NONE)
        n++;
    return n;
}

/* Adds a link `id` -> `to`; a full list is pruned by hnsw_select(). Returns whether the list now holds `to`. */
bool hnsw_link(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, uint32_t level, uint32_t id,
               uint32_t to);
/* Adds it unpruned, on the lowest layer: where there is room, or in place of the farthest row that one of its own
 * neighbours still links to, or of the last. */
void hnsw_link_surely(struct hnsw *g, uint32_t row, uint32_t to);
