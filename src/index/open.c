/* open.c -- opens an index in place from regions of bytes (sealed_format.h): first the regions
 * that every kind has, then those of the kind. No byte is trusted: sizes must follow from the
 * counts of the header, and numbers are checked. */
#include "index/sealed_format.h"
#include "index/segment_index_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFINE_K_MAX 10000

const struct index_region *index_region_find(const struct index_opening *o, const char *name)
{
    for (unsigned i = 0; i < o->region_count; i++)
        if (strcmp(o->regions[i].name, name) == 0)
            return o->regions[i].size == 0 || o->regions[i].bytes ? &o->regions[i] : NULL;
    return NULL;
}

const struct index_region *index_region_of_size(const struct index_opening *o, const char *name, uint64_t size)
{
    const struct index_region *r = index_region_find(o, name);
    return r && r->size == size ? r : NULL;
}

int index_region_wrong(struct index_opening *o, const char *why)
{
    o->why = why;
    return -EINVAL;
}

int index_region_open(struct index_opening *o, struct row_array *c, const char *name, uint32_t stride, uint32_t count)
{
    const struct index_region *r = index_region_of_size(o, name, (uint64_t)stride * count);
    if (!r && o->count > 0) /* without rows, some kinds have no region */
        return index_region_wrong(o, "a region is missing or has another size than the header says");
    return row_array_open(c, stride, r ? r->bytes : NULL, count, o->copy_hot, o->pause);
}

/* The kind that wrote the index. NULL: it cannot be read; *ret_why says why, and names the kind. */
static const struct index_kind *find_kind(const struct sealed_header *h, const char **ret_why)
{
    static _Thread_local char text[160];
    const struct index_kind *kind = h->kind ? index_kind_of(h->kind) : NULL;
    *ret_why = text;
    if (!kind)
        snprintf(text, sizeof(text), "the index is of kind %u, which this version of Kith does not know", h->kind);
    else if (h->kind_version > kind->version)
        snprintf(text, sizeof(text), "the index is of kind %s in version %u; this version of Kith reads up to %u",
                 kind->name, h->kind_version, kind->version);
    return kind && h->kind_version <= kind->version ? kind : NULL;
}

static const char *header_check(const struct sealed_header *h, enum metric metric, uint32_t dim, uint32_t count)
{
    static const uint32_t zeros[ARRAY_LEN(h->reserved)];
    if (h->metric != metric || h->dim != dim || h->count != count || count > INDEX_ROWS_MAX)
        return "the index is of other vectors";
    if (h->kind_version == 0 || memcmp(h->reserved, zeros, sizeof(zeros)) != 0)
        return "the index header has values that are not known";
    return NULL;
}

static const char *codes_header_check(const struct sealed_header *h)
{
    if (h->refine < REFINE_NONE || h->refine > REFINE_BF16 || !(h->refine_k > 0 && h->refine_k <= REFINE_K_MAX) ||
        h->code_bits > 8)
        return "the index's codes are of a kind that is not known";
    return NULL;
}

/* The regions that are opened, and the header. */
struct opening {
    struct index_opening of;
    const struct sealed_header *h;
};

static int open_codes(struct opening *o, struct codes *c, struct code_type type, const char *name, const char *norms)
{
    int rc = codes_init(c, type, o->h->metric, o->h->dim);
    if (rc == -EINVAL)
        return index_region_wrong(&o->of, "the index's codes are of a kind that is not known");
    if (rc == 0)
        rc = index_region_open(&o->of, &c->rows, name, c->stride, o->h->count);
    if (rc == 0 && c->norm_bytes)
        rc = index_region_open(&o->of, &c->norms, norms, c->norm_bytes, o->h->count);
    c->count = o->h->count;
    c->trained_rows = o->h->trained_rows;
    return rc;
}

/* Reads the parameters of training: first of the codes, then of what scores again. */
static int open_params(struct opening *o, struct segment_index *x)
{
    const uint32_t of_codes = codes_params_count(&x->codes),
                   of_refine = x->refine.ops ? codes_params_count(&x->refine) : 0;
    const struct index_region *r =
        index_region_of_size(&o->of, "quantiser", (of_codes + (uint64_t)of_refine) * sizeof(float));
    if (!r)
        return index_region_wrong(&o->of, "the quantiser is missing or has another size than the header says");
    const char *why = codes_params_open(&x->codes, r->bytes);
    if (!why && x->refine.ops)
        why = codes_params_open(&x->refine, (const float *)r->bytes + of_codes);
    return why ? index_region_wrong(&o->of, why) : 0;
}

/* Reads the recall curve. An index of few rows has none. */
static int open_curve(struct opening *o, struct segment_index *x)
{
    const struct index_region *r = index_region_find(&o->of, "recall");
    if (!r)
        return 0;
    if (r->size != sizeof(*x->curve))
        return index_region_wrong(&o->of, "the recall curve has another size than it should");
    x->curve = malloc(sizeof(*x->curve));
    if (!x->curve)
        return -ENOMEM;
    memcpy(x->curve, r->bytes, sizeof(*x->curve));
    const char *why = recall_curve_check(x->curve, o->h->count);
    return why ? index_region_wrong(&o->of, why) : 0;
}

static int open_copies(struct opening *o, struct copies *c)
{
    const struct index_region *r = index_region_find(&o->of, "copies");
    if (!r)
        return 0;
    int rc = r->size == (uint64_t)o->h->count * sizeof(uint32_t)
                 ? copies_open(c, r->bytes, o->h->count, o->of.copy_hot, o->of.pause)
                 : -EINVAL;
    return rc == -EINVAL ? index_region_wrong(&o->of, "the copies make no groups") : rc;
}

static int open_outliers(struct opening *o, struct codes *c)
{
    if (o->h->outliers == 0)
        return 0;
    const struct index_region *r =
        index_region_of_size(&o->of, "outliers", o->h->outliers * (uint64_t)sizeof(uint32_t));
    int rc = r ? codes_set_outliers(c, r->bytes, o->h->outliers) : -EINVAL;
    return rc == -EINVAL ? index_region_wrong(&o->of, "the outliers are missing, or not rows in order") : rc;
}

static int open_all_codes(struct opening *o, struct segment_index *x)
{
    const struct sealed_header *h = o->h;
    const char *why = codes_header_check(h);
    if (why)
        return index_region_wrong(&o->of, why);
    int rc = open_codes(o, &x->codes, (struct code_type){h->code, h->code_bits}, "codes", "norms");
    x->codes.clipped = h->clipped;
    if (rc == 0)
        rc = open_outliers(o, &x->codes);
    if (rc == 0 && index_refine_is_held(h->refine))
        rc = open_codes(o, &x->refine, (struct code_type){refine_code(h->refine), 0}, "refine", "");
    if (rc == 0)
        rc = open_params(o, x);
    if (rc == 0)
        rc = open_curve(o, x);
    return rc == 0 ? open_copies(o, &x->copies) : rc;
}

static int open_parts(struct opening *o, struct segment_index *x, const struct index_kind *kind)
{
    int rc = kind->features & INDEX_CODES ? open_all_codes(o, x) : 0;
    return rc == 0 ? kind->open(&x->host, &o->of, &x->index) : rc;
}

static struct segment_index *create(const struct sealed_header *h)
{
    struct segment_index *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->metric = h->metric;
    x->dim = h->dim;
    x->sealed = x->is_resolved = true;
    x->codes_recall = h->codes_recall;
    x->options = (struct index_options){.kind = h->kind,
                                        .code = h->code,
                                        .code_bits = (uint8_t)h->code_bits,
                                        .refine = h->refine,
                                        .refine_k = h->refine_k};
    segment_index_lend(x);
    return x;
}

int segment_index_open(enum metric metric, uint32_t dim, uint32_t count, const struct index_region *regions,
                       unsigned region_count, bool copy_hot, const struct pause *pause, struct segment_index **ret,
                       const char **ret_why)
{
    struct sealed_header h;
    struct opening o = {{.regions = regions, .region_count = region_count, .count = count, .pause = pause}, &h};
    const struct index_region *header = index_region_of_size(&o.of, "header", sizeof(h));
    if (header)
        memcpy(&h, header->bytes, sizeof(h));
    *ret_why = header && h.version == SEALED_VERSION ? NULL : "the index has no header, or one of another version";
    if (*ret_why)
        return -EINVAL;
    const struct index_kind *kind = find_kind(&h, ret_why);
    if (!kind)
        return -ENOTSUP;
    *ret_why = header_check(&h, metric, dim, count);
    if (*ret_why)
        return -EINVAL;
    struct segment_index *x = create(&h);
    if (!x)
        return -ENOMEM;
    o.of.version = h.kind_version;
    o.of.copy_hot = copy_hot && !(kind->features & INDEX_DISK);
    int rc = open_parts(&o, x, kind);
    if (rc != 0) {
        *ret_why = o.of.why;
        segment_index_destroy(x);
        return rc;
    }
    x->resolved = x->options;
    *ret = x;
    return 0;
}
