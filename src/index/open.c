/* open.c -- an index from regions of bytes (sealed_format.h), in place. Opening believes nothing: sizes follow from the
 * header's counts, numbers are looked at, and hnsw_verify() reads every link. */
#include "index/sealed_format.h"
#include "index/segment_index_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFINE_K_MAX 10000

/* The region of that name, or NULL. */
static const struct index_region *find_any(const struct index_region *regions, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(regions[i].name, name) == 0)
            return regions[i].size == 0 || regions[i].bytes ? &regions[i] : NULL;
    return NULL;
}

/* The same, if it has exactly that size. */
static const struct index_region *find(const struct index_region *regions, unsigned count, const char *name,
                                       uint64_t size)
{
    const struct index_region *r = find_any(regions, count, name);
    return r && r->size == size ? r : NULL;
}

static const char *header_check(const struct sealed_header *h, enum metric metric, uint32_t dim, uint32_t count)
{
    if (h->version != SEALED_VERSION)
        return "the index is of another version";
    if (h->metric != metric || h->dim != dim || h->count != count)
        return "the index is of other vectors";
    if (h->m < 2 || h->m > HNSW_M_MAX || h->ef_construct < 1 || h->ef_construct > UINT16_MAX || h->count > ROWS_MAX ||
        h->nodes > h->count || h->lists < h->nodes || h->lists > (uint64_t)h->nodes * LEVEL_MAX)
        return "the index header is out of range";
    if (h->refine < REFINE_NONE || h->refine > REFINE_BF16 || !(h->refine_k > 0 && h->refine_k <= REFINE_K_MAX) ||
        (h->links != LINKS_PLAIN && h->links != LINKS_PACKED) || h->code_bits > 8)
        return "the index is of a kind that is not known";
    return NULL;
}

struct opening {
    const struct sealed_header *h;
    const struct index_region *regions;
    unsigned count;
    bool copy_hot;
    const struct pause *pause;
    const char *why;
};

static int is_wrong(struct opening *o, const char *why)
{
    o->why = why;
    return -EINVAL;
}

static int open_column(struct opening *o, struct row_array *c, const char *name, uint32_t stride, uint32_t count)
{
    const struct index_region *r = find(o->regions, o->count, name, (uint64_t)stride * count);
    if (!r && o->h->count > 0) /* of no rows, some kinds have no region */
        return is_wrong(o, "a region is missing or has another size than the header says");
    return row_array_open(c, stride, r ? r->bytes : NULL, count, o->copy_hot, o->pause);
}

static int open_codes(struct opening *o, struct codes *c, enum code_kind kind, unsigned bits, const char *name,
                      const char *norms)
{
    int rc = codes_init(c, kind, bits, o->h->metric, o->h->dim);
    if (rc == -EINVAL)
        return is_wrong(o, "the index is of a kind that is not known");
    if (rc == 0)
        rc = open_column(o, &c->rows, name, c->stride, o->h->count);
    if (rc == 0 && codes_norm_bytes(c))
        rc = open_column(o, &c->norms, norms, codes_norm_bytes(c), o->h->count);
    c->count = o->h->count;
    c->trained_rows = o->h->trained_rows;
    return rc;
}

/* What training found: for the codes, then for what scores again. */
static int open_params(struct opening *o, struct segment_index *x)
{
    const uint32_t of_codes = codes_params_count(&x->codes),
                   of_refine = x->refine.ops ? codes_params_count(&x->refine) : 0;
    const struct index_region *r =
        find(o->regions, o->count, "quantiser", (of_codes + (uint64_t)of_refine) * sizeof(float));
    if (!r)
        return is_wrong(o, "the quantiser is missing or has another size than the header says");
    const char *why = codes_params_open(&x->codes, r->bytes);
    if (!why && x->refine.ops)
        why = codes_params_open(&x->refine, (const float *)r->bytes + of_codes);
    return why ? is_wrong(o, why) : 0;
}

static int open_packed_links(struct opening *o, struct links_packed *p)
{
    const struct index_region *r = find_any(o->regions, o->count, "links");
    if (!r)
        return is_wrong(o, "the links are missing");
    int rc = links_packed_open(p, 2 * o->h->m, o->h->count, r->bytes, r->size, o->copy_hot, o->pause);
    return rc == -EINVAL ? is_wrong(o, "the links have another size than the header says") : rc;
}

static int open_strays(struct opening *o, struct hnsw *g)
{
    const struct index_region *r = find_any(o->regions, o->count, "strays");
    if (!r || r->size == 0)
        return 0;
    if (r->size % sizeof(uint32_t) || r->size > STRAYS_MAX * sizeof(uint32_t))
        return is_wrong(o, "there are more strays than a graph has");
    g->strays = malloc(r->size);
    if (!g->strays)
        return -ENOMEM;
    memcpy(g->strays, r->bytes, r->size);
    g->stray_count = (uint32_t)(r->size / sizeof(uint32_t));
    for (uint32_t i = 0; i < g->stray_count; i++)
        if (g->strays[i] >= o->h->count || (i > 0 && g->strays[i] <= g->strays[i - 1]))
            return is_wrong(o, "the strays are not rows in their order");
    return 0;
}

static int open_graph(struct opening *o, struct hnsw *g)
{
    const struct sealed_header *h = o->h;
    const uint32_t links_bytes = 2 * h->m * (uint32_t)sizeof(uint32_t);
    int rc = h->links == LINKS_PACKED ? open_packed_links(o, &g->packed)
                                      : open_column(o, &g->links, "links", links_bytes, h->count);
    if (rc == 0)
        rc = open_column(o, &g->node, "nodes", sizeof(struct hnsw_node), h->nodes);
    if (rc == 0)
        rc = open_column(o, &g->upper, "upper", h->m * (uint32_t)sizeof(uint32_t), h->lists);
    g->count = h->count;
    g->m = h->m;
    g->ef_construct = h->ef_construct;
    g->seed = h->seed;
    g->nodes = h->nodes;
    g->lists = h->lists;
    g->entry = h->entry;
    if (rc == 0)
        rc = open_strays(o, g);
    return rc == 0 ? hnsw_verify(g, o->pause, &o->why) : rc;
}

/* An index of few rows has none. */
static int open_curve(struct opening *o, struct segment_index *x)
{
    const struct index_region *r = find_any(o->regions, o->count, "recall");
    if (!r)
        return 0;
    if (r->size != sizeof(*x->curve))
        return is_wrong(o, "the recall curve has another size than it should");
    x->curve = malloc(sizeof(*x->curve));
    if (!x->curve)
        return -ENOMEM;
    memcpy(x->curve, r->bytes, sizeof(*x->curve));
    const char *why = recall_curve_check(x->curve, o->h->count);
    return why ? is_wrong(o, why) : 0;
}

static int open_copies(struct opening *o, struct copies *c)
{
    const struct index_region *r = find_any(o->regions, o->count, "copies");
    if (!r)
        return 0;
    int rc = r->size == (uint64_t)o->h->count * sizeof(uint32_t)
                 ? copies_open(c, r->bytes, o->h->count, o->copy_hot, o->pause)
                 : -EINVAL;
    return rc == -EINVAL ? is_wrong(o, "the copies make no groups") : rc;
}

static int open_outliers(struct opening *o, struct codes *c)
{
    if (o->h->outliers == 0)
        return 0;
    const struct index_region *r = find(o->regions, o->count, "outliers", o->h->outliers * (uint64_t)sizeof(uint32_t));
    int rc = r ? codes_set_outliers(c, r->bytes, o->h->outliers) : -EINVAL;
    return rc == -EINVAL ? is_wrong(o, "the outliers are missing, or not rows in order") : rc;
}

static int open_parts(struct opening *o, struct segment_index *x)
{
    const struct sealed_header *h = o->h;
    int rc = open_codes(o, &x->codes, h->code, h->code_bits, "codes", "norms");
    x->codes.clipped = h->clipped;
    if (rc == 0)
        rc = open_outliers(o, &x->codes);
    if (rc == 0 && (h->refine == REFINE_F16 || h->refine == REFINE_BF16))
        rc = open_codes(o, &x->refine, h->refine == REFINE_F16 ? CODE_F16 : CODE_BF16, 0, "refine", "");
    if (rc == 0)
        rc = open_params(o, x);
    if (rc == 0)
        rc = open_curve(o, x);
    if (rc == 0)
        rc = open_copies(o, &x->copies);
    return rc == 0 ? open_graph(o, &x->graph) : rc;
}

int segment_index_open(enum metric metric, uint32_t dim, uint32_t count, const struct index_region *regions,
                       unsigned region_count, bool copy_hot, const struct pause *pause, struct segment_index **ret,
                       const char **ret_why)
{
    const struct index_region *header = find(regions, region_count, "header", sizeof(struct sealed_header));
    struct sealed_header h;
    *ret_why = header ? NULL : "the index has no header, or one of another version";
    if (header) {
        memcpy(&h, header->bytes, sizeof(h));
        *ret_why = header_check(&h, metric, dim, count);
    }
    if (*ret_why)
        return -EINVAL;
    struct segment_index *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->metric = metric;
    x->dim = dim;
    x->graph.copies = &x->copies;
    x->sealed = x->is_resolved = true;
    x->codes_recall = h.codes_recall;
    x->resolved = x->options = (struct index_options){.m = (uint16_t)h.m,
                                                      .ef_construct = (uint16_t)h.ef_construct,
                                                      .seed = h.seed,
                                                      .code = h.code,
                                                      .code_bits = (uint8_t)h.code_bits,
                                                      .refine = h.refine,
                                                      .refine_k = h.refine_k,
                                                      .links = h.links};
    struct opening o = {.h = &h, .regions = regions, .count = region_count, .copy_hot = copy_hot, .pause = pause};
    int rc = open_parts(&o, x);
    if (rc != 0) {
        *ret_why = o.why;
        segment_index_destroy(x);
        return rc;
    }
    *ret = x;
    return 0;
}
