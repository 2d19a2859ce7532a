/* regions.c -- a sealed index lent as regions of bytes (sealed_format.h). */
#include "index/sealed_format.h"
#include "index/segment_index_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const void *row_array_piece(const struct row_array *c)
{
    return c->chunks ? c->rows.chunk[0] : NULL;
}

int segment_index_join(struct segment_index *x, const struct pause *pause)
{
    int rc = row_array_join(&x->codes.rows, x->codes.count, pause);
    if (rc == 0)
        rc = row_array_join(&x->codes.norms, x->codes.ops && codes_norm_bytes(&x->codes) ? x->codes.count : 0, pause);
    if (rc == 0)
        rc = row_array_join(&x->graph.links, x->graph.count, pause);
    if (rc == 0)
        rc = row_array_join(&x->graph.node, x->graph.nodes, pause);
    if (rc == 0)
        rc = row_array_join(&x->graph.upper, x->graph.lists, pause);
    if (rc == 0 && x->copies.next_rows)
        rc = copies_join(&x->copies, x->graph.count, pause);
    return rc;
}

static uint32_t params_count(const struct segment_index *x, const struct codes *c)
{
    return codes_params_count(c) + (x->refine.ops ? codes_params_count(&x->refine) : 0);
}

/* The packed links of an index that was finished or opened; NULL when they are plain. */
static const struct links_packed *packed_links(const struct segment_index *x)
{
    return x->packed.shape.max ? &x->packed : hnsw_is_packed(&x->graph) ? &x->graph.packed : NULL;
}

/* The parts that are not columns, in memory of x. */
static int make_header(struct segment_index *x, const struct codes *c)
{
    const struct hnsw *g = &x->graph;
    const bool finished = x->is_resolved;
    free(x->quantiser);
    x->quantiser = calloc(params_count(x, c) + 1, sizeof(float));
    if (!x->header)
        x->header = malloc(sizeof(struct sealed_header));
    if (!x->header || !x->quantiser)
        return -ENOMEM;
    *(struct sealed_header *)x->header = (struct sealed_header){
        .version = SEALED_VERSION,
        .metric = x->metric,
        .dim = x->dim,
        .count = g->count,
        .m = g->m,
        .ef_construct = g->ef_construct,
        .nodes = g->nodes,
        .lists = g->lists,
        .entry = g->entry,
        .trained_rows = c->trained_rows,
        .clipped = c->clipped,
        .code = c->kind,
        .code_bits = c->bits,
        .outliers = c->outlier_count,
        .codes_recall = finished ? x->codes_recall : 0,
        .refine = finished ? x->resolved.refine : REFINE_F32,
        .links = packed_links(x) ? LINKS_PACKED : LINKS_PLAIN,
        .refine_k = finished ? x->resolved.refine_k : 2,
        .seed = g->seed,
    };
    codes_params_write(c, x->quantiser);
    if (x->refine.ops)
        codes_params_write(&x->refine, x->quantiser + codes_params_count(c));
    return 0;
}

int segment_index_regions(const struct segment_index *x, struct index_region regions[SEGMENT_INDEX_REGIONS],
                          unsigned *ret_count)
{
    if (x->graph.count != x->codes.count || (x->made.ops && x->made.count != x->graph.count) ||
        (x->refine.ops && x->refine.count != x->graph.count))
        return -EINVAL;                                    /* advance() or finish() has not finished */
    struct segment_index *own = (struct segment_index *)x; /* rows move into one piece; what they are stays the same */
    int rc = segment_index_join(own, NULL);
    if (rc == 0 && !x->codes.ops) /* no rows */
        rc = codes_init(&own->codes, CODE_SQ8, 0, x->metric, x->dim);
    const struct codes *c = x->made.ops ? &x->made : &x->codes;
    if (rc == 0)
        rc = make_header(own, c);
    if (rc < 0)
        return rc;
    const struct hnsw *g = &x->graph;
    const uint64_t rows = g->count;
    const struct links_packed *packed = packed_links(x);
    const struct index_region links =
        packed ? (struct index_region){"links", row_array_piece(&packed->sets), links_packed_size(packed, g->count)}
               : (struct index_region){"links", row_array_piece(&g->links), rows * 2 * g->m * sizeof(uint32_t)};
    const struct index_region all[] = {
        {"header", x->header, sizeof(struct sealed_header)},
        {"quantiser", x->quantiser, params_count(x, c) * sizeof(float)},
        {"codes", row_array_piece(&c->rows), rows * c->stride},
        links,
        {"nodes", row_array_piece(&g->node), (uint64_t)g->nodes * sizeof(struct hnsw_node)},
        {"upper", row_array_piece(&g->upper), (uint64_t)g->lists * g->m * sizeof(uint32_t)},
        {"norms", row_array_piece(&c->norms), rows * codes_norm_bytes(c)},
        {"refine", row_array_piece(&x->refine.rows), rows * x->refine.stride},
        {"recall", x->curve, x->curve ? sizeof(*x->curve) : 0},
        {"strays", g->strays, g->stray_count * sizeof(uint32_t)},
        {"copies", row_array_piece(&x->copies.next), x->copies.next_rows ? rows * sizeof(uint32_t) : 0},
        {"outliers", c->outliers, c->outlier_count * sizeof(uint32_t)},
    };
    static_assert(sizeof(all) / sizeof(all[0]) <= SEGMENT_INDEX_REGIONS, "the contract's bound");
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (i < 6 || all[i].size > 0) /* the last are not part of every kind */
            regions[n++] = all[i];
    *ret_count = n;
    return 0;
}
