/* sealed.c -- opens a segment from its container file. Every byte is checked before it is used.
 *
 * Damage refuses the file, with one exception: a column can be made again from the payloads, so a
 * damaged one is left out. */
#include "base/log.h"
#include "base/memory.h"
#include "reactor/fibers/fiber.h"
#include "shards/segment/segment_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opening {
    const char *path;
    struct container container;
    struct segment_meta meta;
    /* an index of at most so many bytes is copied into memory; a larger one stays in the mapping */
    uint64_t copy_max;
    bool strict;   /* damage to a column refuses the file, too */
    bool *damaged; /* for each region: it belongs to a column, and a checksum does not match */
    struct error *error;
};

static int bad_region(struct opening *o, const char *name, const char *what)
{
    const struct container_region *r = container_find(&o->container, name);
    return error_set(o->error, ERROR_CORRUPT,
                     "%s is damaged at offset %llu: region '%s' %s; restore a snapshot, or the data folder from a copy",
                     o->path, (unsigned long long)(r ? r->offset : 0), name, what);
}

/* Finds the region of that name, which must have this size. */
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

/* A region of unknown name that is marked CONTAINER_NEED comes from a newer version. */
static int check_known(struct opening *o)
{
    for (unsigned i = 0; i < o->container.region_count; i++) {
        const struct container_region *r = &o->container.regions[i];
        if (r->unknown == CONTAINER_NEED && region_owner(r->name).kind == 0)
            return error_set(o->error, ERROR_VERSION,
                             "%s was written by a newer Kith: this one does not know its region '%s'; use that version",
                             o->path, r->name);
    }
    return 0;
}

int segment_cannot_read(const char *path, uint64_t offset, int rc, struct error *error)
{
    error_set(error, ERROR_IO,
              "%s cannot be read at offset %llu (%s); mend the disk and start again, or restore a snapshot", path,
              (unsigned long long)offset, strerror(-rc));
    return rc;
}

/* Reads the next piece of a region and checks it. Returns like container_check_piece(). */
static int read_piece(struct file *f, uint8_t *room, struct container_check *check, const char *path,
                      struct error *error)
{
    uint64_t offset;
    size_t n = container_next_piece(check, &offset);
    if (n == 0)
        return 0;
    int64_t got = file_read(f, room, n, offset);
    if (got < 0 || (size_t)got < n)
        return segment_cannot_read(path, offset, got < 0 ? (int)got : -EIO, error);
    return container_check_bytes(check, room, n, path, error);
}

/* Reads a region and compares its checksums. Notes damage that leaves only a column out. */
static int read_region(struct opening *o, struct file *f, uint8_t *room, unsigned i)
{
    struct container_check check = {.region = &o->container.regions[i]};
    struct error error = {0};
    int rc;
    for (rc = 1; rc > 0; fiber_checkpoint())
        rc = read_piece(f, room, &check, o->path, &error);
    o->damaged[i] = error.code == ERROR_CORRUPT && !o->strict && region_owner(check.region->name).kind == 'c';
    if (o->damaged[i])
        return 0;
    if (rc < 0 && o->error)
        *o->error = error;
    return rc;
}

/* Reads all bytes of the file instead of using the mapping. So a bad sector is an error of one
 * read, and not a fault. */
static int read_all(struct opening *o)
{
    struct file *f;
    o->damaged = calloc(o->container.region_count + 1, sizeof(*o->damaged));
    uint8_t *room = memory_aligned(CONTAINER_PIECE);
    int rc = room && o->damaged ? file_open(o->path, FILE_READ, &f) : -ENOMEM;
    if (rc < 0)
        (void)segment_cannot_read(o->path, 0, rc, o->error);
    for (unsigned i = 0; rc == 0 && i < o->container.region_count; i++) {
        rc = read_region(o, f, room, i);
        if (rc < 0)
            file_close(f);
    }
    if (rc == 0)
        file_close(f);
    free(room);
    return rc;
}

static int check_sums(const struct container *c, struct segment *g, const char *path, struct error *error)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->region_count; i++) {
        const struct region_owner owner = region_owner(c->regions[i].name);
        struct container_check check = {.region = &c->regions[i]};
        for (rc = 1; rc > 0; fiber_checkpoint())
            rc = container_check_piece(c, &check, path, error);
        if (rc < 0 && owner.kind == 'c') {
            segment_column_drop_damaged(g, owner.number, path);
            rc = 0;
        }
    }
    return rc;
}

int segment_verify(const char *path, struct segment *g, struct error *error)
{
    struct container c;
    int rc = container_parse(g->mapping.bytes, g->mapping.size, path, &c, error);
    if (rc == 0)
        rc = check_sums(&c, g, path, error);
    container_fini(&c);
    return rc;
}

static int read_vector_meta(struct opening *o, const struct vector_spec *v)
{
    const uint8_t *bytes;
    const struct segment_vector_meta wanted = segment_vector_meta(v);
    char name[CONTAINER_NAME_MAX];
    int rc = need(o, region_name(name, 'v', v->number, "meta"), sizeof(wanted), &bytes);
    if (rc == 0 && memcmp(bytes, &wanted, sizeof(wanted)) != 0)
        rc = bad_region(o, name, "does not match the manifest");
    return rc;
}

static int read_meta(struct opening *o, const struct collection_config *c, const struct manifest_segment *m)
{
    const uint8_t *bytes;
    int rc = need(o, REGION_SEG_META, sizeof(o->meta), &bytes);
    if (rc < 0)
        return rc;
    memcpy(&o->meta, bytes, sizeof(o->meta));
    const struct segment_meta *meta = &o->meta;
    if (meta->id != m->id || meta->collection != c->id || meta->rows != m->rows || meta->tombstones != m->tombstones)
        return bad_region(o, REGION_SEG_META, "does not match the manifest");
    return read_vector_meta(o, collection_vector(c));
}

static void values_map(struct row_values *v, const uint8_t *bytes, uint32_t stride)
{
    /* struct rows has no const, because growing segments use it; a sealed segment is never
     * written */
    v->single = (uint8_t *)bytes;
    v->at = (struct rows){&v->single, stride, ROWS_ONE_PIECE};
}

static int open_columns(struct opening *o, const struct collection_config *c, struct segment *s)
{
    const uint8_t *ids, *versions, *vectors, *ends, *tombstones;
    const struct vector_spec *v = collection_vector(c);
    const uint32_t stride = vector_stride(v);
    char name[CONTAINER_NAME_MAX];
    uint64_t rows = o->meta.rows;
    int rc = need(o, REGION_ROWS_IDS, rows * sizeof(struct point_id), &ids);
    if (rc == 0)
        rc = need(o, REGION_ROWS_VERSIONS, rows * sizeof(uint64_t), &versions);
    if (rc == 0)
        rc = need(o, region_name(name, 'v', v->number, "values"), rows * stride, &vectors);
    if (rc == 0)
        rc = need(o, REGION_PAYLOAD_ENDS, rows * sizeof(uint64_t), &ends);
    if (rc == 0)
        rc = need(o, REGION_SEG_TOMBSTONES, o->meta.tombstones * sizeof(struct tombstone), &tombstones);
    if (rc < 0)
        return rc;
    values_map(&s->rows.ids, ids, sizeof(struct point_id));
    values_map(&s->rows.versions, versions, sizeof(uint64_t));
    values_map(&s->vectors[0].values, vectors, stride);
    s->payloads.ends = (const uint64_t *)ends;
    s->tombstones.items = (struct tombstone *)tombstones;
    const struct container_region *payload = container_find(&o->container, REGION_PAYLOAD_BYTES);
    if (!payload)
        return bad_region(o, REGION_PAYLOAD_BYTES, "is missing");
    s->payloads.bytes = o->container.bytes + payload->offset;
    s->payloads.size = payload->size;
    for (uint64_t row = 0, before = 0; row < rows; before = s->payloads.ends[row++]) {
        if (s->payloads.ends[row] < before || s->payloads.ends[row] > payload->size)
            return bad_region(o, REGION_PAYLOAD_ENDS, "points outside the payloads");
        if (row % 16384 == 0)
            fiber_checkpoint();
    }
    return 0;
}

static int pause_and_go_on(void *arg)
{
    fiber_checkpoint();
    return 0;
}

/* -- columns of fields -- */

/* *ret_bad: the name of a region with a wrong checksum; NULL: there is none. */
static unsigned regions_of_field(const struct opening *o, uint16_t field, struct column_region regions[COLUMN_REGIONS],
                                 const char **ret_bad)
{
    unsigned n = 0;
    *ret_bad = NULL;
    for (unsigned i = 0; i < o->container.region_count && n < COLUMN_REGIONS; i++) {
        const struct container_region *r = &o->container.regions[i];
        const struct region_owner owner = region_owner(r->name);
        if (owner.kind != 'c' || owner.number != field)
            continue;
        *ret_bad = o->damaged[i] ? r->name : *ret_bad;
        regions[n++] = (struct column_region){owner.rest, o->container.bytes + r->offset, r->size};
    }
    return n;
}

static int column_damage(struct opening *o, struct segment *s, const struct field_spec *f, const char *what,
                         const char *why)
{
    if (o->strict)
        return error_set(o->error, ERROR_CORRUPT,
                         "%s is damaged: its column of field '%s' %s (%s); restore a snapshot, or the data folder from "
                         "a copy",
                         o->path, f->path, what, why);
    segment_column_note_damage(s, o->path, f->path, what, why);
    return 0;
}

static int open_field(struct opening *o, struct segment *s, const struct field_spec *f)
{
    const struct column_kind *kind = column_kind_of(f->kind);
    const struct pause pause = {.fn = pause_and_go_on};
    struct column_region regions[COLUMN_REGIONS];
    const char *bad = NULL, *why = "cannot be used";
    const unsigned n = kind ? regions_of_field(o, f->number, regions, &bad) : 0;
    struct column column;
    if (n == 0)
        return 0; /* the field is newer than the file; the background builds its column */
    if (bad)
        return column_damage(o, s, f, "has a wrong checksum", bad);
    int rc = column_open(kind, f->number, regions, n, s->rows.count, &pause, &column, &why);
    if (rc == -EINVAL)
        return column_damage(o, s, f, "makes no sense", why);
    if (rc == 0 && (rc = segment_column_add(s, &column, f->path)) < 0)
        column_destroy(&column);
    return rc == -ENOMEM ? 0 : rc; /* the background builds the column when there is memory */
}

static int open_fields(struct opening *o, struct segment *s, const struct collection_config *c)
{
    struct schema *schema = schema_acquire(c->schema); /* the schema may be replaced at a pause */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < schema->field_count; i++)
        rc = open_field(o, s, &schema->fields[i]);
    if (rc == 0)
        segment_columns_keep(s, c->schema);
    schema_release(schema);
    return rc;
}

/* The reasons are text, which is only shown to users. */
static void read_why(const struct opening *o, uint16_t vector, struct index_why *why)
{
    char name[CONTAINER_NAME_MAX];
    const struct container_region *r = container_find(&o->container, region_name(name, 'v', vector, "why"));
    if (!r || r->size >= sizeof(why->text))
        return;
    memcpy(why->text, o->container.bytes + r->offset, r->size);
    for (size_t i = 0; i < r->size; i++)
        if (why->text[i] < ' ' || why->text[i] > '~')
            why->text[i] = '?';
}

static void say_mapped(struct index_why *why)
{
    size_t n = strlen(why->text);
    snprintf(why->text + n, sizeof(why->text) - n, ", all of it mapped (memory is short)");
}

static bool is_of_index(const char *what)
{
    return strcmp(what, "meta") != 0 && strcmp(what, "values") != 0 && strcmp(what, "why") != 0;
}

static int open_index(struct opening *o, struct segment *s, const struct collection_config *c)
{
    struct index_region *regions = calloc(o->container.region_count + 1, sizeof(*regions));
    unsigned n = 0;
    uint64_t bytes = 0;
    if (!regions)
        return -ENOMEM;
    for (unsigned i = 0; i < o->container.region_count; i++) {
        const struct container_region *r = &o->container.regions[i];
        const struct region_owner owner = region_owner(r->name);
        if (owner.kind != 'v' || owner.number != collection_vector(c)->number || !is_of_index(owner.rest))
            continue;
        regions[n++] = (struct index_region){owner.rest, o->container.bytes + r->offset, r->size};
        bytes += r->size;
    }
    s->vectors[0].index_mapped = bytes > o->copy_max;
    const char *why = "cannot be used";
    const struct pause pause = {.fn = pause_and_go_on};
    int rc = segment_index_open(collection_vector(c)->metric, collection_vector(c)->dim, s->rows.count, regions, n,
                                !s->vectors[0].index_mapped, &pause, &s->vectors[0].index, &why);
    free(regions);
    if (rc == -ENOTSUP)
        return error_set(o->error, ERROR_VERSION,
                         "%s cannot be opened: %s; start the version of Kith that wrote it, or a newer one", o->path,
                         why);
    if (rc == -EINVAL)
        return error_set(
            o->error, ERROR_CORRUPT,
            "%s is damaged: its index makes no sense (%s); restore a snapshot, or the data folder from a copy", o->path,
            why);
    if (rc == 0) {
        s->vectors[0].plan.options = *segment_index_options(s->vectors[0].index);
        s->vectors[0].plan.complete = true;
        read_why(o, collection_vector(c)->number, &s->vectors[0].plan.why);
        if (s->vectors[0].index_mapped)
            say_mapped(&s->vectors[0].plan.why);
    }
    return rc;
}

static int open_mapped(struct opening *o, struct segment *s, const struct collection_config *c,
                       const struct manifest_segment *m)
{
    int rc = container_parse(s->mapping.bytes, s->mapping.size, o->path, &o->container, o->error);
    if (rc == 0)
        rc = read_all(o);
    if (rc == 0)
        rc = check_known(o);
    if (rc == 0)
        rc = read_meta(o, c, m);
    if (rc < 0)
        return rc;
    s->rows.count = s->rows.max = o->meta.rows;
    s->tombstones.count = o->meta.tombstones;
    s->rows.version_min = o->meta.version_min;
    s->rows.version_max = o->meta.version_max;
    rc = segment_all_alive(s);
    if (rc == 0)
        rc = open_columns(o, c, s);
    if (rc == 0 && s->rows.count)
        rc = open_fields(o, s, c);
    if (rc == 0 && s->rows.count)
        rc = open_index(o, s, c);
    return rc;
}

static int open_as(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                   uint64_t copy_max, bool strict, struct segment **ret, struct error *error)
{
    struct opening o = {.path = path, .copy_max = copy_max, .strict = strict, .error = error};
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set_errno(error, -ENOMEM, "opening %s", path);
    *s = (struct segment){.state = SEGMENT_SEALED,
                          .id = m->id,
                          .sharing.seq = SHARE_SEQ_NONE,
                          .log.first = UINT64_MAX,
                          .owners = m->owners,
                          .owner = m->owner};
    int rc = mapping_open(path, &s->mapping);
    if (rc == -ENOENT)
        rc = error_set(
            error, ERROR_CORRUPT,
            "%s is missing, though the manifest names it; restore a snapshot, or the data folder from a copy", path);
    else if (rc < 0)
        rc = segment_cannot_read(path, 0, rc, error);
    else
        rc = open_mapped(&o, s, c, m);
    container_fini(&o.container);
    free(o.damaged);
    /* a lost page is the cause of any other error */
    int lost = segment_check_lost(s, path, error);
    rc = lost < 0 ? lost : rc;
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

int segment_open(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                 uint64_t copy_max, struct segment **ret, struct error *error)
{
    return open_as(path, c, m, copy_max, false, ret, error);
}

int segment_read_back(const char *path, const struct collection_config *c, const struct manifest_segment *m,
                      struct segment **ret, struct error *error)
{
    return open_as(path, c, m, UINT64_MAX, true, ret, error);
}

int segment_try(const char *path, const struct collection_config *c, const struct manifest_segment *m, bool strict,
                uint64_t *ret_bytes, struct error *error)
{
    struct segment *s;
    int rc = open_as(path, c, m, 0, strict, &s, error);
    if (rc < 0)
        return rc;
    *ret_bytes = s->disk_bytes;
    segment_retire(s);
    return 0;
}
