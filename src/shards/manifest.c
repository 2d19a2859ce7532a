/* manifest.c -- a protobuf body, because it will grow fields, in an envelope of 16 bytes that tells a damaged file from a newer
 * one. */
#include "shards/manifest.h"
#include "base/checksum.h"
#include "reactor/file.h"
#include "shards/manifest_parse.h"
#include "shards/whole_file.h"

#include "manifest.pb-c.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct envelope {
    uint32_t magic, format, size, crc;
};

#define MAGIC  0x4e414d4bu /* the bytes K M A N */
#define FORMAT 1

static void *copy_array(const void *from, size_t bytes)
{
    void *to = malloc(bytes ? bytes : 1);
    if (to && bytes)
        memcpy(to, from, bytes);
    return to;
}

/* -- reading -- */

static int take_collection(const KithDisk__Collection *from, struct collection_config *to)
{
    *to = (struct collection_config){
        .id = from->id,
        .dim = from->dim,
        .slots = from->slots,
        .metric = (enum metric)from->metric,
        .durability = (enum durability)from->durability,
        .index = {.m = (uint16_t)from->m,
                  .ef_construct = (uint16_t)from->ef_construct,
                  .seed = from->seed,
                  .code = (enum code_kind)from->code,
                  .code_bits = (uint8_t)from->code_bits,
                  .refine = (enum refine_kind)from->refine,
                  .refine_k = from->refine_k,
                  .links = (enum links_kind)from->links},
    };
    if (!from->name || strlen(from->name) >= COLLECTION_NAME_MAX || from->m > UINT16_MAX ||
        from->ef_construct > UINT16_MAX || from->code_bits > UINT8_MAX)
        return -EINVAL;
    strcpy(to->name, from->name);
    return collection_config_check(to, NULL);
}

/* Where a collection is at rest: as many words of the bit set as are not zero to the end. */
static int take_rest(const KithDisk__Collection *from, struct manifest *m)
{
    struct manifest_rest *to = &m->rests[m->rest_count];
    if (from->n_at_rest > ARRAY_LEN(to->reactors))
        return -EINVAL;
    if (from->n_at_rest == 0)
        return 0;
    to->collection = from->id;
    memcpy(to->reactors, from->at_rest, from->n_at_rest * sizeof(*to->reactors));
    m->rest_count++;
    return 0;
}

static int take_all(const KithDisk__Manifest *from, struct manifest *m)
{
    m->epoch = from->epoch;
    m->log_dir = from->log_dir ? from->log_dir : from->epoch;
    m->reactors = from->reactors;
    m->next_id = from->next_id;
    m->collections = calloc(from->n_collections + 1, sizeof(*m->collections));
    m->segments = calloc(from->n_segments + 1, sizeof(*m->segments));
    m->rests = calloc(from->n_collections + 1, sizeof(*m->rests));
    if (!m->collections || !m->segments || !m->rests)
        return -ENOMEM;
    if (m->reactors > REACTORS_MAX || from->n_log_start != m->reactors ||
        (from->n_log_end && from->n_log_end != m->reactors))
        return -EINVAL;
    for (size_t i = 0; i < from->n_collections; i++) {
        int rc = take_collection(from->collections[i], &m->collections[i]);
        if (rc == 0)
            rc = take_rest(from->collections[i], m);
        if (rc < 0)
            return rc;
        m->collection_count++;
    }
    for (size_t i = 0; i < from->n_segments; i++) {
        const KithDisk__Segment *s = from->segments[i];
        m->segments[m->segment_count++] = (struct manifest_segment){
            s->id, s->collection, s->rows, s->tombstones, s->version_min, s->version_max, s->homes, s->home};
    }
    if (from->snapshot) {
        m->snapshot.created_ns = from->snapshot->created_ns;
        m->snapshot.bytes = from->snapshot->bytes;
    }
    for (size_t i = 0; i < from->n_log_start; i++)
        m->log_start[i] = from->log_start[i];
    m->log_end = from->n_log_end ? copy_array(from->log_end, m->reactors * sizeof(*m->log_end)) : NULL;
    return from->n_log_end && !m->log_end ? -ENOMEM : 0;
}

int manifest_parse(const void *bytes, size_t size, struct manifest *m, const char *name, struct error *error)
{
    struct envelope e;
    *m = (struct manifest){0};
    if (size < sizeof(e))
        return error_set(error, ERROR_CORRUPT, "%s has %zu bytes, too few to be a manifest; restore it from a copy",
                         name, size);
    memcpy(&e, bytes, sizeof(e));
    if (e.magic != MAGIC)
        return error_set(error, ERROR_CORRUPT, "%s does not begin like a manifest (offset 0); restore it from a copy",
                         name);
    const uint8_t *body = (const uint8_t *)bytes + sizeof(e);
    if (e.size != size - sizeof(e) || checksum_crc32c(e.format, body, size - sizeof(e)) != e.crc)
        return error_set(error, ERROR_CORRUPT,
                         "%s: the checksum of the %zu bytes at offset %zu does not match; restore it from a copy", name,
                         size - sizeof(e), sizeof(e));
    if (e.format > FORMAT)
        return error_set(
            error, ERROR_VERSION,
            "%s was written by a newer Kith (manifest format %u, this one reads up to %d); use that version", name,
            e.format, FORMAT);
    KithDisk__Manifest *from = kith_disk__manifest__unpack(NULL, e.size, body);
    if (!from)
        return error_set(error, ERROR_CORRUPT, "%s: the body at offset %zu cannot be read", name, sizeof(e));
    int rc = take_all(from, m);
    kith_disk__manifest__free_unpacked(from, NULL);
    if (rc < 0) {
        manifest_fini(m);
        return rc == -ENOMEM ? error_set_errno(error, rc, "reading %s", name)
                             : error_set(error, ERROR_CORRUPT, "%s: an entry is out of range", name);
    }
    return 0;
}

int manifest_load(const char *dir, struct manifest *m, struct error *error)
{
    char path[PATH_TEXT_MAX];
    *m = (struct manifest){.next_id = 1};
    int rc = path_join(path, dir, "manifest");
    struct file *f;
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set_errno(error, rc, "opening %s", path);
    int64_t size = file_size(f);
    uint8_t *bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
    int64_t got = size < 0 ? size : bytes ? file_read(f, bytes, (size_t)size, 0) : -ENOMEM;
    file_close(f);
    if (got < 0)
        rc = error_set_errno(error, (int)got, "reading %s", path);
    else
        rc = manifest_parse(bytes, (size_t)got, m, path, error);
    free(bytes);
    return rc;
}

/* -- writing -- */

static void give_collections(const struct manifest *m, KithDisk__Collection *to, KithDisk__Collection **list)
{
    for (size_t i = 0; i < m->collection_count; i++) {
        const struct collection_config *c = &m->collections[i];
        kith_disk__collection__init(&to[i]);
        to[i].id = c->id;
        to[i].name = (char *)c->name;
        to[i].dim = c->dim;
        to[i].slots = c->slots;
        to[i].metric = c->metric;
        to[i].durability = c->durability;
        to[i].m = c->index.m;
        to[i].ef_construct = c->index.ef_construct;
        to[i].seed = c->index.seed;
        to[i].code = c->index.code;
        to[i].code_bits = c->index.code_bits;
        to[i].refine = c->index.refine;
        to[i].refine_k = c->index.refine_k;
        to[i].links = c->index.links;
        list[i] = &to[i];
    }
}

static void give_rests(const struct manifest *m, KithDisk__Collection *to)
{
    for (size_t i = 0, r = 0; i < m->collection_count; i++)
        for (size_t at = 0; at < m->rest_count; at++, r++) { /* mostly in the same order: goes on from the last one */
            struct manifest_rest *rest = &m->rests[r % m->rest_count];
            if (rest->collection != to[i].id)
                continue;
            size_t words = ARRAY_LEN(rest->reactors);
            while (words > 0 && rest->reactors[words - 1] == 0)
                words--;
            to[i].at_rest = rest->reactors;
            to[i].n_at_rest = words;
            break;
        }
}

static void give_segments(const struct manifest *m, KithDisk__Segment *to, KithDisk__Segment **list)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        const struct manifest_segment *s = &m->segments[i];
        kith_disk__segment__init(&to[i]);
        to[i].id = s->id;
        to[i].collection = s->collection;
        to[i].rows = s->rows;
        to[i].tombstones = s->tombstones;
        to[i].version_min = s->version_min;
        to[i].version_max = s->version_max;
        to[i].homes = s->homes;
        to[i].home = s->home;
        list[i] = &to[i];
    }
}

static int pack(const struct manifest *m, struct arena *arena, uint8_t **ret_bytes, size_t *ret_size)
{
    KithDisk__Manifest to = KITH_DISK__MANIFEST__INIT;
    KithDisk__Collection *collections = arena_alloc(arena, (m->collection_count + 1) * sizeof(*collections));
    KithDisk__Segment *segments = arena_alloc(arena, (m->segment_count + 1) * sizeof(*segments));
    to.collections = arena_alloc(arena, (m->collection_count + 1) * sizeof(void *));
    to.segments = arena_alloc(arena, (m->segment_count + 1) * sizeof(void *));
    if (!collections || !segments || !to.collections || !to.segments)
        return -ENOMEM;
    give_collections(m, collections, to.collections);
    give_rests(m, collections);
    give_segments(m, segments, to.segments);
    to.n_collections = m->collection_count;
    to.n_segments = m->segment_count;
    to.epoch = m->epoch;
    to.reactors = m->reactors;
    to.next_id = m->next_id;
    to.log_start = (uint64_t *)m->log_start;
    to.n_log_start = m->reactors;
    to.log_dir = m->log_dir;
    to.log_end = m->log_end;
    to.n_log_end = m->log_end ? m->reactors : 0;
    KithDisk__Snapshot snapshot = KITH_DISK__SNAPSHOT__INIT;
    snapshot.created_ns = m->snapshot.created_ns;
    snapshot.bytes = m->snapshot.bytes;
    to.snapshot = m->snapshot.created_ns ? &snapshot : NULL;
    struct envelope e = {MAGIC, FORMAT, (uint32_t)kith_disk__manifest__get_packed_size(&to), 0};
    uint8_t *bytes = arena_alloc(arena, sizeof(e) + e.size);
    if (!bytes)
        return -ENOMEM;
    kith_disk__manifest__pack(&to, bytes + sizeof(e));
    e.crc = checksum_crc32c(e.format, bytes + sizeof(e), e.size);
    memcpy(bytes, &e, sizeof(e));
    *ret_bytes = bytes;
    *ret_size = sizeof(e) + e.size;
    return 0;
}

int manifest_store(const char *dir, const struct manifest *m, struct error *error)
{
    struct arena arena = {0};
    uint8_t *bytes;
    size_t size;
    int rc = pack(m, &arena, &bytes, &size);
    if (rc == 0)
        rc = whole_file_replace(dir, "manifest", bytes, size);
    arena_fini(&arena);
    return rc < 0 ? error_set_errno(error, rc, "writing the manifest in %s", dir) : 0;
}

static struct manifest_segment *find_segment(const struct manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->segment_count; i++)
        if (m->segments[i].id == id)
            return &m->segments[i];
    return NULL;
}

static bool has_collection(const struct manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->collection_count; i++)
        if (m->collections[i].id == id)
            return true;
    return false;
}

static int apply_rested(struct manifest *m, const struct manifest_edit *edit)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < edit->rested_count; i++)
        if (has_collection(m, edit->rested[i]))
            rc = manifest_rest_on(m, edit->rested[i], edit->reactor);
    return rc;
}

int manifest_apply(struct manifest *m, const struct manifest_edit *edit)
{
    for (size_t i = 0; i < edit->removed_count; i++)
        if (!find_segment(m, edit->removed[i]))
            return -ENOENT;
    if (edit->segment.id) {
        struct manifest_segment *grown = realloc(m->segments, (m->segment_count + 1) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        m->segments = grown;
        grown[m->segment_count++] = edit->segment;
    }
    for (size_t i = 0; i < edit->removed_count; i++) {
        struct manifest_segment *gone = find_segment(m, edit->removed[i]);
        *gone = m->segments[--m->segment_count];
    }
    if (edit->epoch != m->epoch || edit->reactor >= m->reactors) {
        manifest_rest_forget(m, edit->stirred);
        return 0;
    }
    if (edit->log_start > m->log_start[edit->reactor])
        m->log_start[edit->reactor] = edit->log_start;
    manifest_stir_on(m, edit->stirred, edit->reactor);
    return apply_rested(m, edit);
}

int manifest_copy(const struct manifest *m, struct manifest *ret)
{
    *ret = *m;
    ret->collections = copy_array(m->collections, m->collection_count * sizeof(*m->collections));
    ret->segments = copy_array(m->segments, m->segment_count * sizeof(*m->segments));
    ret->rests = copy_array(m->rests, m->rest_count * sizeof(*m->rests));
    ret->log_end = m->log_end ? copy_array(m->log_end, m->reactors * sizeof(*m->log_end)) : NULL;
    if (ret->collections && ret->segments && ret->rests && (ret->log_end || !m->log_end))
        return 0;
    manifest_fini(ret);
    return -ENOMEM;
}

void manifest_fini(struct manifest *m)
{
    free(m->log_end);
    free(m->collections);
    free(m->segments);
    free(m->rests);
    *m = (struct manifest){0};
}
