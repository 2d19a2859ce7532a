/* segment_write.c -- writes the regions of a segment. Values that lie side by side in memory are
 * written in one piece. */
#include "columns/payload_path.h"
#include "reactor/fibers/fiber.h"
#include "shards/segment/segment_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct writing {
    struct container_writer *w;
    const struct segment_source *source;
    const struct pause *pause;
};

/* Kept rows of a part whose values lie side by side in memory. */
struct run {
    uint32_t row, count;
};

static bool next_run(const struct segment_part *p, uint8_t shift, struct run *run)
{
    uint32_t rows = p->segment->rows.count, row = run->row + run->count;
    while (row < rows && p->kept && p->kept[row] == ROW_NONE)
        row++;
    run->row = row;
    uint64_t chunk_end = (((uint64_t)row >> shift) + 1) << shift;
    while (row < rows && row < chunk_end && !(p->kept && p->kept[row] == ROW_NONE))
        row++;
    run->count = row - run->row;
    return run->count > 0;
}

/* Returns one of the segment's arrays of values. */
typedef const struct rows *(*column_fn)(const struct segment *s);

static const struct rows *ids_of(const struct segment *s)
{
    return &s->rows.ids.at;
}

static const struct rows *versions_of(const struct segment *s)
{
    return &s->rows.versions.at;
}

static const struct rows *vectors_of(const struct segment *s)
{
    return &s->vectors[0].values.at;
}

static int write_column(struct writing *x, const char *name, column_fn column, uint32_t stride)
{
    int rc = container_begin(x->w, name, CONTAINER_NEED, (uint64_t)x->source->rows * stride);
    for (uint32_t i = 0; rc == 0 && i < x->source->part_count; i++) {
        const struct segment_part *p = &x->source->parts[i];
        const struct rows *r = column(p->segment);
        struct run run = {0};
        while (rc == 0 && next_run(p, r->shift, &run)) {
            rc = container_append(x->w, rows_at(r, run.row), (size_t)run.count * stride);
            if (rc == 0)
                rc = pause_here(x->pause);
        }
    }
    return rc;
}

/* Calls each() for every kept row, in order. */
static int for_kept(struct writing *x, int (*each)(struct writing *x, const struct segment *s, uint32_t row, void *arg),
                    void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->source->part_count; i++) {
        const struct segment_part *p = &x->source->parts[i];
        for (uint32_t row = 0; rc == 0 && row < p->segment->rows.count; row++) {
            if (p->kept && p->kept[row] == ROW_NONE)
                continue;
            rc = each(x, p->segment, row, arg);
            if (rc == 0 && row % 64 == 0)
                rc = pause_here(x->pause);
        }
    }
    return rc;
}

static int add_up(struct writing *x, const struct segment *s, uint32_t row, void *arg)
{
    *(uint64_t *)arg += segment_payload_at(s, row).size;
    return 0;
}

static int write_payload_end(struct writing *x, const struct segment *s, uint32_t row, void *arg)
{
    uint64_t *end = arg;
    *end += segment_payload_at(s, row).size;
    return container_append(x->w, end, sizeof(*end));
}

/* The sizes are checked again, because a page of the source file may have been lost
 * since they were added up. */
static int write_payload(struct writing *x, const struct segment *s, uint32_t row, void *arg)
{
    uint64_t *left = arg;
    struct payload_at p = segment_payload_at(s, row);
    if (p.size > *left)
        return -EIO;
    *left -= p.size;
    return p.size ? container_append(x->w, p.bytes, p.size) : 0;
}

static int write_payloads(struct writing *x)
{
    uint64_t total = 0, end = 0;
    int rc = for_kept(x, add_up, &total);
    if (rc == 0)
        rc = container_begin(x->w, REGION_PAYLOAD_ENDS, CONTAINER_NEED, x->source->rows * sizeof(end));
    if (rc == 0)
        rc = for_kept(x, write_payload_end, &end);
    if (rc == 0)
        rc = container_begin(x->w, REGION_PAYLOAD_BYTES, CONTAINER_NEED, total);
    uint64_t left = total;
    if (rc == 0)
        rc = for_kept(x, write_payload, &left);
    return rc == 0 && left ? -EIO : rc;
}

static int take_lower_version(struct writing *x, const struct segment *s, uint32_t row, void *arg)
{
    uint64_t *min = arg, version = segment_version_at(s, row);
    *min = version < *min ? version : *min;
    return 0;
}

static int write_region(struct container_writer *w, const char *name, enum container_unknown unknown, const void *bytes,
                        size_t size)
{
    int rc = container_begin(w, name, unknown, size);
    return rc < 0 || size == 0 ? rc : container_append(w, bytes, size);
}

/* -- regions of a newer version, marked CONTAINER_KEEP -- */

static bool is_kept(const struct container_region *r)
{
    return r->unknown == CONTAINER_KEEP && region_owner(r->name).kind == 0;
}

static bool is_met_before(const struct container *all, uint32_t part, const char *name)
{
    for (uint32_t i = 0; i < part; i++)
        if (container_find(&all[i], name))
            return true;
    return false;
}

/* Writes one region with the bytes of the regions of this name of all parts, one behind the
 * other. */
static int write_kept(struct writing *x, const struct container *all, const char *name)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < x->source->part_count; i++) {
        const struct container_region *r = container_find(&all[i], name);
        size += r ? r->size : 0;
    }
    int rc = container_begin(x->w, name, CONTAINER_KEEP, size);
    for (uint32_t i = 0; rc == 0 && size && i < x->source->part_count; i++) {
        const struct container_region *r = container_find(&all[i], name);
        if (r && r->size)
            rc = container_append(x->w, all[i].bytes + r->offset, r->size);
    }
    return rc;
}

static int write_unknown(struct writing *x)
{
    struct container *all = calloc(x->source->part_count + 1, sizeof(*all));
    int rc = all ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < x->source->part_count; i++) {
        const struct mapping *m = &x->source->parts[i].segment->mapping;
        if (m->bytes)
            rc = container_parse(m->bytes, m->size, "a segment to be merged", &all[i], NULL);
    }
    for (uint32_t i = 0; rc == 0 && i < x->source->part_count; i++)
        for (unsigned k = 0; rc == 0 && k < all[i].region_count; k++)
            if (is_kept(&all[i].regions[k]) && !is_met_before(all, i, all[i].regions[k].name))
                rc = write_kept(x, all, all[i].regions[k].name);
    for (uint32_t i = 0; all && i < x->source->part_count; i++)
        container_fini(&all[i]);
    free(all);
    return rc;
}

/* -- columns of fields -- */

struct gathering {
    const struct field_spec *field;
    struct payload_reader reader;
    struct column column;
    size_t unpaused; /* bytes of payloads since the last pause */
};

static int gather_row(struct writing *x, const struct segment *s, uint32_t row, void *arg)
{
    struct gathering *g = arg;
    const int rc = segment_column_copy_row(s, row, g->field->path, &g->reader, &g->column);
    g->unpaused += segment_payload_at(s, row).size;
    if (rc < 0 || g->unpaused < PAYLOAD_AT_ONCE)
        return rc;
    g->unpaused = 0;
    return pause_here(x->pause);
}

static int write_gathered(struct writing *x, struct gathering *g)
{
    struct column_region regions[COLUMN_REGIONS];
    char name[CONTAINER_NAME_MAX];
    int rc = for_kept(x, gather_row, g);
    if (rc == 0)
        rc = column_sort(&g->column, x->pause);
    /* memory is short, or a column cannot have so many values; nothing is written yet */
    if (rc == -ENOMEM || rc == -EOVERFLOW)
        return 0;
    const unsigned n = rc == 0 ? column_save(&g->column, regions) : 0;
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = write_region(x->w, region_name(name, 'c', g->column.field, regions[i].name), CONTAINER_IGNORE,
                          regions[i].bytes, regions[i].size);
    return rc;
}

/* Without memory for it, a column is left out, and the background builds it
 * from the payloads later. */
static int write_field(struct writing *x, const struct field_spec *f)
{
    const struct column_kind *kind = column_kind_of(f->kind);
    struct gathering g = {.field = f, .reader.pause = x->pause};
    if (!kind || column_create(kind, f->number, &g.column) < 0)
        return 0;
    int rc = write_gathered(x, &g);
    column_destroy(&g.column);
    payload_reader_fini(&g.reader);
    return rc;
}

static int write_fields(struct writing *x, const struct collection_config *c)
{
    struct schema *schema = schema_acquire(c->schema); /* the schema may be replaced at a pause */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < schema->field_count && x->source->rows; i++)
        rc = write_field(x, &schema->fields[i]);
    schema_release(schema);
    return rc;
}

int segment_write_columns(struct container_writer *w, const struct collection_config *c, uint64_t id,
                          const struct segment_source *source, const struct pause *pause, uint64_t *ret_version_min)
{
    struct writing x = {w, source, pause};
    uint32_t stride = vector_stride(collection_vector(c));
    *ret_version_min = UINT64_MAX;
    int rc = for_kept(&x, take_lower_version, ret_version_min);
    struct segment_meta meta = {.id = id,
                                .collection = c->id,
                                .version_min = *ret_version_min,
                                .version_max = source->version_max,
                                .rows = source->rows,
                                .tombstones = source->tombstone_count};
    /* read now, because the schema may be replaced at a wait */
    const uint16_t number = collection_vector(c)->number;
    const struct segment_vector_meta vector = segment_vector_meta(collection_vector(c));
    char name[CONTAINER_NAME_MAX];
    if (rc == 0)
        rc = write_region(w, REGION_SEG_META, CONTAINER_NEED, &meta, sizeof(meta));
    if (rc == 0)
        rc = write_region(w, REGION_SEG_TOMBSTONES, CONTAINER_NEED, source->tombstones,
                          source->tombstone_count * sizeof(*source->tombstones));
    if (rc == 0)
        rc = write_column(&x, REGION_ROWS_IDS, ids_of, sizeof(struct point_id));
    if (rc == 0)
        rc = write_column(&x, REGION_ROWS_VERSIONS, versions_of, sizeof(uint64_t));
    if (rc == 0)
        rc = write_payloads(&x);
    if (rc == 0)
        rc = write_unknown(&x);
    if (rc == 0)
        rc = write_fields(&x, c);
    if (rc == 0)
        rc = write_region(w, region_name(name, 'v', number, "meta"), CONTAINER_NEED, &vector, sizeof(vector));
    return rc < 0 ? rc : write_column(&x, region_name(name, 'v', number, "values"), vectors_of, stride);
}

int segment_write_index(struct container_writer *w, const struct vector_spec *v, struct segment_index *index,
                        const struct index_why *why)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    char name[CONTAINER_NAME_MAX];
    unsigned n = 0;
    const uint16_t number = v->number; /* read now, because v is borrowed until the first wait */
    int rc = segment_index_regions(index, regions, &n);
    if (rc == 0)
        rc = write_region(w, region_name(name, 'v', number, "why"), CONTAINER_IGNORE, why->text, strlen(why->text));
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = write_region(w, region_name(name, 'v', number, regions[i].name), CONTAINER_NEED, regions[i].bytes,
                          regions[i].size);
    return rc;
}
