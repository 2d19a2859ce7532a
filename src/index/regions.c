/* regions.c -- lends a sealed index as regions of bytes (sealed_format.h): first the regions
 * that every kind has, then those of the kind. */
#include "index/sealed_format.h"
#include "index/segment_index_internal.h"

#include <errno.h>
#include <stdlib.h>

void index_regions_add(struct index_regions *to, const char *name, const void *bytes, uint64_t size)
{
    check(to->count < SEGMENT_INDEX_REGIONS);
    to->region[to->count++] = (struct index_region){name, bytes, size};
}

int segment_index_join(struct segment_index *x, const struct pause *pause)
{
    const struct index_kind *kind = segment_index_kind(x);
    int rc = row_array_join(&x->codes.rows, x->codes.count, pause);
    if (rc == 0)
        rc = row_array_join(&x->codes.norms, x->codes.norm_bytes ? x->codes.count : 0, pause);
    if (rc == 0 && kind->join)
        rc = kind->join(x->index, x->is_resolved ? &x->resolved : NULL, pause);
    if (rc == 0 && x->copies.next_rows)
        rc = copies_join(&x->copies, indexed_rows(x), pause);
    return rc;
}

static uint32_t params_count(const struct segment_index *x, const struct codes *c)
{
    return codes_params_count(c) + (x->refine.ops ? codes_params_count(&x->refine) : 0);
}

/* Makes the header and the parameters of the codes, in memory of x. */
static int make_header(struct segment_index *x, const struct codes *c)
{
    const bool finished = x->is_resolved;
    free(x->quantiser);
    x->quantiser = has_codes(x) ? calloc(params_count(x, c) + 1, sizeof(float)) : NULL;
    if (!x->header)
        x->header = malloc(sizeof(struct sealed_header));
    if (!x->header || (has_codes(x) && !x->quantiser))
        return -ENOMEM;
    struct sealed_header *h = x->header;
    *h = (struct sealed_header){.version = SEALED_VERSION,
                                .kind = segment_index_kind(x)->id,
                                .kind_version = segment_index_kind(x)->version,
                                .metric = x->metric,
                                .dim = x->dim,
                                .count = indexed_rows(x)};
    if (!has_codes(x))
        return 0;
    h->trained_rows = c->trained_rows;
    h->clipped = c->clipped;
    h->code = c->kind;
    h->code_bits = c->bits;
    h->outliers = c->outlier_count;
    h->codes_recall = finished ? x->codes_recall : 0;
    h->refine = finished ? x->resolved.refine : REFINE_F32;
    h->refine_k = finished ? x->resolved.refine_k : 2;
    codes_params_write(c, x->quantiser);
    if (x->refine.ops)
        codes_params_write(&x->refine, x->quantiser + codes_params_count(c));
    return 0;
}

static void add_codes(const struct segment_index *x, const struct codes *c, struct index_regions *ret)
{
    const uint64_t rows = c->count;
    index_regions_add(ret, "quantiser", x->quantiser, params_count(x, c) * sizeof(float));
    index_regions_add(ret, "codes", row_array_piece(&c->rows), rows * c->stride);
    if (rows && c->norm_bytes)
        index_regions_add(ret, "norms", row_array_piece(&c->norms), rows * c->norm_bytes);
    if (rows && x->refine.ops)
        index_regions_add(ret, "refine", row_array_piece(&x->refine.rows), rows * x->refine.stride);
    if (x->curve)
        index_regions_add(ret, "recall", x->curve, sizeof(*x->curve));
    if (x->copies.next_rows)
        index_regions_add(ret, "copies", row_array_piece(&x->copies.next), rows * sizeof(uint32_t));
    if (c->outlier_count)
        index_regions_add(ret, "outliers", c->outliers, c->outlier_count * sizeof(uint32_t));
}

/* Whether advance() and finish() have reached all rows. */
static bool is_whole(const struct segment_index *x)
{
    const uint32_t rows = indexed_rows(x);
    return !has_codes(x) || (rows == x->codes.count && (!x->made.ops || x->made.count == rows) &&
                             (!x->refine.ops || x->refine.count == rows));
}

int segment_index_regions(struct segment_index *x, struct index_region ret[SEGMENT_INDEX_REGIONS], unsigned *ret_count)
{
    const struct index_kind *kind = segment_index_kind(x);
    struct index_regions all = {ret, 0};
    if (!is_whole(x))
        return -EINVAL;
    int rc = segment_index_join(x, NULL);
    if (rc == 0 && has_codes(x) && !x->codes.ops) /* no rows */
        rc = codes_init(&x->codes, code_to_build_on(x->metric, x->dim), x->metric, x->dim);
    const struct codes *c = x->made.ops ? &x->made : &x->codes;
    if (rc == 0)
        rc = make_header(x, c);
    if (rc < 0)
        return rc;
    index_regions_add(&all, "header", x->header, sizeof(struct sealed_header));
    if (has_codes(x))
        add_codes(x, c, &all);
    rc = kind->save ? kind->save(x->index, &all) : 0;
    *ret_count = all.count;
    return rc;
}
