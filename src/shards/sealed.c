/* sealed.c -- a segment as a container file: the columns under names that begin with "row.", what is one for the whole segment under "seg.",
 * and the index's own regions under theirs. */
#include "reactor/fiber.h"
#include "shards/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Region "seg.meta". Little-endian, no padding. */
struct segment_meta {
    uint64_t id, collection, version_max;
    uint32_t rows, tombstones, dim, metric, stride, zero;
};

/* -- writing -- */

static int write_column(struct container_writer *w, const char *name, const struct rows *r, uint32_t rows)
{
    int rc = container_begin(w, name, (uint64_t)rows * r->stride);
    uint32_t per_chunk = (uint32_t)1 << r->shift;
    for (uint32_t row = 0; rc == 0 && row < rows; row += per_chunk) {
        uint32_t n = rows - row < per_chunk ? rows - row : per_chunk;
        rc = container_append(w, rows_at(r, row), (size_t)n * r->stride);
    }
    return rc;
}

static int write_payloads(struct container_writer *w, const struct segment *s)
{
    uint64_t end = 0;
    int rc = container_begin(w, "row.payload_end", (uint64_t)s->rows * sizeof(end));
    for (uint32_t row = 0; rc == 0 && row < s->rows; row++) {
        end += segment_payload_at(s, row).size;
        rc = container_append(w, &end, sizeof(end));
    }
    if (rc == 0)
        rc = container_begin(w, "row.payload", end);
    for (uint32_t row = 0; rc == 0 && row < s->rows; row++) {
        struct payload_at p = segment_payload_at(s, row);
        if (p.size)
            rc = container_append(w, p.bytes, p.size);
    }
    return rc;
}

static int write_index(struct container_writer *w, const struct segment *s)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n = 0;
    int rc = s->rows ? segment_index_regions(s->index, regions, &n) : 0;
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        rc = container_begin(w, regions[i].name, regions[i].size);
        if (rc == 0 && regions[i].size)
            rc = container_append(w, regions[i].bytes, regions[i].size);
    }
    return rc;
}

int segment_write(const struct segment *s, const struct collection_config *c, uint64_t id, const char *dir,
                  const char *path, uint64_t *ret_bytes)
{
    struct container_writer *w;
    int rc = container_create(path, &w);
    if (rc < 0)
        return rc;
    struct segment_meta meta = {id,     c->id,     s->version_max,    s->rows, s->tombstone_count,
                                c->dim, c->metric, s->vectors.stride, 0};
    size_t tombstone_bytes = s->tombstone_count * sizeof(struct tombstone);
    rc = container_begin(w, "seg.meta", sizeof(meta));
    if (rc == 0)
        rc = container_append(w, &meta, sizeof(meta));
    if (rc == 0)
        rc = container_begin(w, "seg.tombstones", tombstone_bytes);
    if (rc == 0 && tombstone_bytes)
        rc = container_append(w, s->tombstones, tombstone_bytes);
    if (rc == 0)
        rc = write_column(w, "row.ids", &s->ids, s->rows);
    if (rc == 0)
        rc = write_column(w, "row.versions", &s->versions, s->rows);
    if (rc == 0)
        rc = write_payloads(w, s);
    if (rc == 0)
        rc = write_index(w, s);
    if (rc == 0)
        rc = write_column(w, "row.vectors", &s->vectors, s->rows);
    if (rc == 0)
        return container_finish(w, dir, ret_bytes);
    container_abandon(w);
    return rc;
}

/* -- opening -- */

struct opening {
    const char *path;
    struct container container;
    struct segment_meta meta;
    struct error *error;
};

static int bad_region(struct opening *o, const char *name, const char *what)
{
    const struct container_region *r = container_find(&o->container, name);
    return error_set(o->error, ERROR_CORRUPT,
                     "%s is damaged at offset %llu: region '%s' %s; restore the data folder from a copy", o->path,
                     (unsigned long long)(r ? r->offset : 0), name, what);
}

/* The bytes of a region that must have this size. */
static int need(struct opening *o, const char *name, uint64_t size, const uint8_t **ret)
{
    const struct container_region *r = container_find(&o->container, name);
    if (!r)
        return bad_region(o, name, "is missing");
    if (r->size != size)
        return bad_region(o, name, "has the wrong size");
    *ret = o->container.bytes + r->offset;
    return 0;
}

static int check_sums(struct opening *o, bool all)
{
    for (unsigned i = 0; i < o->container.region_count; i++) {
        const struct container_region *r = &o->container.regions[i];
        bool for_index = strncmp(r->name, "row.", 4) != 0 && strncmp(r->name, "seg.", 4) != 0;
        for (uint64_t slice = 0; (all || !for_index) && slice < container_slices(r); slice++) {
            int rc = container_check_slice(&o->container, r, slice, o->path, o->error);
            if (rc < 0)
                return rc;
            fiber_checkpoint();
        }
    }
    return 0;
}

static int read_meta(struct opening *o, const struct collection_config *c, const struct manifest_segment *m)
{
    const uint8_t *bytes;
    int rc = need(o, "seg.meta", sizeof(o->meta), &bytes);
    if (rc < 0)
        return rc;
    memcpy(&o->meta, bytes, sizeof(o->meta));
    const struct segment_meta *meta = &o->meta;
    if (meta->id != m->id || meta->collection != c->id || meta->rows != m->rows || meta->tombstones != m->tombstones ||
        meta->dim != c->dim || meta->metric != c->metric || meta->stride != rows_stride((size_t)c->dim * sizeof(float)))
        return bad_region(o, "seg.meta", "does not match the manifest");
    return 0;
}

static void column_single(struct rows *r, uint8_t **single, const uint8_t *bytes, uint32_t stride)
{
    *single = (uint8_t *)bytes; /* struct rows serves growing columns too; nobody writes through it */
    *r = (struct rows){single, stride, 31};
}

static int open_columns(struct opening *o, struct segment *s)
{
    const uint8_t *ids, *versions, *vectors, *ends, *tombstones;
    uint64_t rows = o->meta.rows;
    int rc = need(o, "row.ids", rows * sizeof(struct point_id), &ids);
    if (rc == 0)
        rc = need(o, "row.versions", rows * sizeof(uint64_t), &versions);
    if (rc == 0)
        rc = need(o, "row.vectors", rows * o->meta.stride, &vectors);
    if (rc == 0)
        rc = need(o, "row.payload_end", rows * sizeof(uint64_t), &ends);
    if (rc == 0)
        rc = need(o, "seg.tombstones", o->meta.tombstones * sizeof(struct tombstone), &tombstones);
    if (rc < 0)
        return rc;
    column_single(&s->ids, &s->single[0], ids, sizeof(struct point_id));
    column_single(&s->versions, &s->single[1], versions, sizeof(uint64_t));
    column_single(&s->vectors, &s->single[2], vectors, o->meta.stride);
    s->payload_ends = (const uint64_t *)ends;
    s->tombstones = (struct tombstone *)tombstones;
    const struct container_region *payload = container_find(&o->container, "row.payload");
    if (!payload)
        return bad_region(o, "row.payload", "is missing");
    s->payload_bytes = o->container.bytes + payload->offset;
    for (uint64_t row = 0, before = 0; row < rows; before = s->payload_ends[row++])
        if (s->payload_ends[row] < before || s->payload_ends[row] > payload->size)
            return bad_region(o, "row.payload_end", "points outside the payloads");
    return 0;
}

static int open_index(struct opening *o, struct segment *s, const struct collection_config *c)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n = 0;
    for (unsigned i = 0; i < o->container.region_count && n < SEGMENT_INDEX_REGIONS; i++) {
        const struct container_region *r = &o->container.regions[i];
        if (strncmp(r->name, "row.", 4) != 0 && strncmp(r->name, "seg.", 4) != 0)
            regions[n++] = (struct index_region){r->name, o->container.bytes + r->offset, r->size};
    }
    const char *why = "cannot be used";
    int rc = segment_index_open(c->metric, c->dim, s->rows, regions, n, true, &s->index, &why);
    if (rc == -EINVAL)
        return error_set(o->error, ERROR_CORRUPT,
                         "%s is damaged: its graph makes no sense (%s); restore the data folder from a copy", o->path,
                         why);
    return rc;
}

static int open_mapped(struct opening *o, struct segment *s, const struct collection_config *c,
                       const struct manifest_segment *m)
{
    int rc = container_parse(s->mapping.bytes, s->mapping.size, o->path, &o->container, o->error);
    if (rc == 0)
        rc = check_sums(o, s->searched);
    if (rc == 0)
        rc = read_meta(o, c, m);
    if (rc < 0)
        return rc;
    s->rows = s->rows_max = o->meta.rows;
    s->tombstone_count = o->meta.tombstones;
    s->version_max = o->meta.version_max;
    s->alive = calloc(bits_words(s->rows) + 1, sizeof(uint64_t));
    if (!s->alive)
        return -ENOMEM;
    for (uint32_t row = 0; row < s->rows; row++)
        bits_set(s->alive, row);
    rc = open_columns(o, s);
    if (rc == 0 && s->searched && s->rows)
        rc = open_index(o, s, c);
    return rc;
}

int segment_open(const char *path, const struct collection_config *c, const struct manifest_segment *m, bool searched,
                 struct segment **ret, struct error *error)
{
    struct opening o = {.path = path, .error = error};
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set_errno(error, -ENOMEM, "opening %s", path);
    *s = (struct segment){.state = SEGMENT_SEALED, .id = m->id, .searched = searched, .log_first = UINT64_MAX};
    int rc = mapping_open(path, &s->mapping);
    if (rc == -ENOENT)
        rc = error_set(error, ERROR_CORRUPT,
                       "%s is missing, though the manifest names it; restore the data folder from a copy", path);
    else if (rc < 0)
        rc = error_set_errno(error, rc, "opening %s", path);
    else
        rc = open_mapped(&o, s, c, m);
    if (rc == 0) {
        s->disk_bytes = s->mapping.size;
        mapping_advise(&s->mapping, 0, s->mapping.size, MAPPING_RANDOM);
        *ret = s;
        return 0;
    }
    if (rc == -ENOMEM)
        error_set_errno(error, rc, "opening %s", path);
    segment_destroy(s);
    return rc;
}
