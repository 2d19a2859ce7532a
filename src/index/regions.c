/* regions.c -- a sealed index as regions of bytes, and back.
 *
 *   header        struct sealed_header
 *   quantiser     f32 low[dim], step[dim]
 *   codes         u8 [count][stride]
 *   norms         i32 or f32 [count]; L2 only
 *   links         u32 [count][2m]
 *   nodes         struct hnsw_node [nodes]
 *   upper         u32 [lists][m]
 *
 * Little-endian. Opening believes nothing: sizes follow from the header's counts, and hnsw_verify() reads every link. */
#include "index/segment_index_impl.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEALED_VERSION 1

struct sealed_header {
    uint32_t version, metric, dim, count;
    uint32_t m, ef_construct, nodes, lists;
    uint32_t entry, lossless, trained_rows, misfits;
    uint64_t seed, reserved;
};
static_assert(sizeof(struct sealed_header) == 64, "on disk");
static_assert(sizeof(struct hnsw_node) == 16, "on disk");

static const void *column_piece(const struct column *c)
{
    return c->chunks ? c->rows.chunk[0] : NULL;
}

int segment_index_join(struct segment_index *x, const struct pause *pause)
{
    int rc = column_join(&x->codes.rows, x->codes.count, pause);
    if (rc == 0)
        rc = column_join(&x->codes.norms, x->metric == METRIC_L2 ? x->codes.count : 0, pause);
    if (rc == 0)
        rc = column_join(&x->graph.links, x->graph.count, pause);
    if (rc == 0)
        rc = column_join(&x->graph.node, x->graph.nodes, pause);
    if (rc == 0)
        rc = column_join(&x->graph.upper, x->graph.lists, pause);
    return rc;
}

/* The parts that are not columns, in memory of x. */
static int make_header(struct segment_index *x)
{
    if (!x->header)
        x->header = calloc(1, sizeof(struct sealed_header));
    if (!x->quantiser)
        x->quantiser = calloc(2 * (size_t)x->dim, sizeof(float));
    if (!x->header || !x->quantiser)
        return -ENOMEM;
    const struct hnsw *g = &x->graph;
    const struct codes *c = &x->codes;
    *(struct sealed_header *)x->header = (struct sealed_header){.version = SEALED_VERSION,
                                                                .metric = x->metric,
                                                                .dim = x->dim,
                                                                .count = g->count,
                                                                .m = g->m,
                                                                .ef_construct = g->ef_construct,
                                                                .nodes = g->nodes,
                                                                .lists = g->lists,
                                                                .entry = g->entry,
                                                                .lossless = c->sq8.lossless,
                                                                .trained_rows = c->trained_rows,
                                                                .misfits = c->misfits,
                                                                .seed = g->seed};
    if (g->count > 0) {
        memcpy(x->quantiser, c->sq8.low, x->dim * sizeof(float));
        memcpy(x->quantiser + x->dim, c->sq8.step, x->dim * sizeof(float));
    }
    return 0;
}

int segment_index_regions(const struct segment_index *x, struct index_region regions[SEGMENT_INDEX_REGIONS],
                          unsigned *ret_count)
{
    if (x->graph.count != x->codes.count)
        return -EINVAL;                                    /* advance() has not finished */
    struct segment_index *own = (struct segment_index *)x; /* rows move into one piece; what they are stays the same */
    int rc = segment_index_join(own, NULL);
    if (rc == 0)
        rc = make_header(own);
    if (rc < 0)
        return rc;
    const struct hnsw *g = &x->graph;
    uint64_t rows = g->count, norms = x->metric == METRIC_L2 ? rows : 0;
    const struct index_region all[] = {
        {"header", x->header, sizeof(struct sealed_header)},
        {"quantiser", x->quantiser, 2 * (uint64_t)x->dim * sizeof(float)},
        {"codes", column_piece(&x->codes.rows), rows * rows_stride(x->dim)},
        {"norms", column_piece(&x->codes.norms), norms * sizeof(union norm)},
        {"links", column_piece(&g->links), rows * 2 * g->m * sizeof(uint32_t)},
        {"nodes", column_piece(&g->node), (uint64_t)g->nodes * sizeof(struct hnsw_node)},
        {"upper", column_piece(&g->upper), (uint64_t)g->lists * g->m * sizeof(uint32_t)},
    };
    static_assert(sizeof(all) / sizeof(all[0]) <= SEGMENT_INDEX_REGIONS, "the contract's bound");
    memcpy(regions, all, sizeof(all));
    *ret_count = sizeof(all) / sizeof(all[0]);
    return 0;
}

/* The region of that name and exactly that size, or NULL. */
static const struct index_region *find(const struct index_region *regions, unsigned count, const char *name,
                                       uint64_t size)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(regions[i].name, name) == 0)
            return regions[i].size == size && (size == 0 || regions[i].bytes) ? &regions[i] : NULL;
    return NULL;
}

static const char *header_check(const struct sealed_header *h, enum metric metric, uint32_t dim, uint32_t count)
{
    if (h->version != SEALED_VERSION)
        return "the index is of another version";
    if (h->metric != metric || h->dim != dim || h->count != count)
        return "the index is of other vectors";
    if (h->m < 2 || h->m > HNSW_M_MAX || h->ef_construct < 1 || h->ef_construct > UINT16_MAX || h->count > ROWS_MAX ||
        h->nodes > h->count || h->lists < h->nodes || h->lists > (uint64_t)h->nodes * LEVEL_MAX || h->lossless > 1 ||
        (h->lossless && metric != METRIC_L2))
        return "the index header is out of range";
    return NULL;
}

static const char *quantiser_open(struct sq8 *s, const float *values, bool lossless)
{
    s->lossless = lossless;
    for (uint32_t j = 0; j < s->dim; j++) {
        s->low[j] = values[j];
        s->step[j] = values[s->dim + j];
        if (!isfinite(s->low[j]) || !isfinite(s->step[j]) || s->step[j] < 0)
            return "the quantiser holds no numbers";
        if (lossless && (s->low[j] != 0 || s->step[j] != 1))
            return "the quantiser is not lossless as it says";
    }
    sq8_prepare(s);
    return NULL;
}

struct parts {
    const struct index_region *quantiser, *codes, *norms, *links, *nodes, *upper;
};

static const char *parts_find(struct parts *p, const struct sealed_header *h, const struct index_region *regions,
                              unsigned n)
{
    uint64_t rows = h->count;
    p->quantiser = find(regions, n, "quantiser", 2 * (uint64_t)h->dim * sizeof(float));
    p->codes = find(regions, n, "codes", rows * rows_stride(h->dim));
    p->norms = find(regions, n, "norms", h->metric == METRIC_L2 ? rows * sizeof(union norm) : 0);
    p->links = find(regions, n, "links", rows * 2 * h->m * sizeof(uint32_t));
    p->nodes = find(regions, n, "nodes", (uint64_t)h->nodes * sizeof(struct hnsw_node));
    p->upper = find(regions, n, "upper", (uint64_t)h->lists * h->m * sizeof(uint32_t));
    bool all = p->quantiser && p->codes && p->norms && p->links && p->nodes && p->upper;
    return all ? NULL : "a region is missing or has another size than the header says";
}

static int parts_open(struct segment_index *x, const struct sealed_header *h, const struct parts *p, bool copy_hot,
                      const struct pause *pause)
{
    struct hnsw *g = &x->graph;
    struct codes *c = &x->codes;
    int rc = codes_init(c, x->metric, x->dim);
    if (rc == 0)
        rc = column_open(&c->rows, c->sq8.stride, p->codes->bytes, h->count, copy_hot, pause);
    if (rc == 0)
        rc =
            column_open(&c->norms, sizeof(union norm), p->norms->bytes, p->norms->size ? h->count : 0, copy_hot, pause);
    if (rc == 0)
        rc = column_open(&g->links, 2 * h->m * (uint32_t)sizeof(uint32_t), p->links->bytes, h->count, copy_hot, pause);
    if (rc == 0)
        rc = column_open(&g->node, sizeof(struct hnsw_node), p->nodes->bytes, h->nodes, copy_hot, pause);
    if (rc == 0)
        rc = column_open(&g->upper, h->m * (uint32_t)sizeof(uint32_t), p->upper->bytes, h->lists, copy_hot, pause);
    c->count = g->count = h->count;
    c->trained_rows = h->trained_rows;
    c->misfits = h->misfits;
    g->m = h->m;
    g->ef_construct = h->ef_construct;
    g->seed = h->seed;
    g->nodes = h->nodes;
    g->lists = h->lists;
    g->entry = h->entry;
    return rc;
}

int segment_index_open(enum metric metric, uint32_t dim, uint32_t count, const struct index_region *regions,
                       unsigned region_count, bool copy_hot, const struct pause *pause, struct segment_index **ret,
                       const char **ret_why)
{
    const struct index_region *header = find(regions, region_count, "header", sizeof(struct sealed_header));
    struct parts parts;
    struct sealed_header h;
    *ret_why = header ? NULL : "the index has no header";
    if (header) {
        memcpy(&h, header->bytes, sizeof(h));
        *ret_why = header_check(&h, metric, dim, count);
        if (!*ret_why)
            *ret_why = parts_find(&parts, &h, regions, region_count);
    }
    if (*ret_why)
        return -EINVAL;
    struct segment_index *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->metric = metric;
    x->dim = dim;
    x->sealed = true;
    int rc = parts_open(x, &h, &parts, copy_hot, pause);
    if (rc == 0) {
        *ret_why = quantiser_open(&x->codes.sq8, parts.quantiser->bytes, h.lossless);
        rc = *ret_why ? -EINVAL : hnsw_verify(&x->graph, pause, ret_why);
    }
    if (rc < 0) {
        segment_index_destroy(x);
        return rc;
    }
    *ret = x;
    return 0;
}
