/* manifest_parse.c -- the bytes of a manifest: blocks, each with a checksum. Their bodies are
 * protobuf, because fields will be added. */
#include "shards/manifest/manifest_parse.h"
#include "base/checksum.h"
#include "shards/manifest/manifest_schema.h"

#include "manifest.pb-c.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct head {
    uint32_t magic, format;
    uint64_t state_bytes;
    uint32_t crc, zero; /* crc: of the bytes before it */
};

struct block {
    uint32_t magic, size;
    uint64_t number; /* blocks of a file are numbered 1, 2, 3 ... */
    /* crc: of this header with crc 0 and the padded body; the sum starts from MANIFEST_FORMAT */
    uint32_t kind, crc;
};

#define HEAD_MAGIC  0x4e414d4bu /* the bytes K M A N */
#define BLOCK_MAGIC 0x4b424d4bu /* the bytes K M B K */
#define ALIGN       8

enum { BLOCK_STATE = 1, BLOCK_CHANGES = 2 };

static_assert(sizeof(struct head) == MANIFEST_HEAD_BYTES, "as documented");

static size_t padded(size_t size)
{
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static uint32_t block_crc(const struct block *b, const void *body)
{
    struct block copy = *b;
    copy.crc = 0;
    return checksum_crc32c(checksum_crc32c(MANIFEST_FORMAT, &copy, sizeof(copy)), body, padded(b->size));
}

/* Returns the body of the block at that place, or NULL if there is no whole one. *ret: its
 * header. */
static const uint8_t *block_at(const uint8_t *bytes, size_t size, size_t at, struct block *ret)
{
    if (size - at < sizeof(*ret))
        return NULL;
    memcpy(ret, bytes + at, sizeof(*ret));
    const uint8_t *body = bytes + at + sizeof(*ret);
    if (ret->magic != BLOCK_MAGIC || padded(ret->size) > size - at - sizeof(*ret))
        return NULL;
    return block_crc(ret, body) == ret->crc ? body : NULL;
}

/* -- reading -- */

/* The caller releases the schema of *to. */
static int take_collection(const KithDisk__Collection *from, struct collection_config *to)
{
    *to = (struct collection_config){
        .id = from->id, .slots = from->slots, .durability = (enum durability)from->durability};
    if (!from->name || strlen(from->name) >= COLLECTION_NAME_MAX || from->id == 0)
        return -EINVAL;
    strcpy(to->name, from->name);
    int rc = manifest_take_schema(from->schema, &to->schema);
    if (rc == 0)
        rc = collection_config_check(to, NULL);
    if (rc < 0)
        collection_config_fini(to);
    return rc == -ENOMEM || rc == -EPROTONOSUPPORT ? rc : rc < 0 ? -EINVAL : 0;
}

/* Words of zeros at the end of the bit set are left out in the file. */
static int take_clean(const KithDisk__Collection *from, struct manifest_cleanness *to)
{
    if (from->n_is_clean > ARRAY_LEN(to->reactors))
        return -EINVAL;
    if (from->n_is_clean)
        memcpy(to->reactors, from->is_clean, from->n_is_clean * sizeof(*to->reactors));
    return 0;
}

static struct manifest_segment take_segment(const KithDisk__Segment *s)
{
    return (struct manifest_segment){s->id,          s->collection,  s->rows,   s->tombstones,
                                     s->version_min, s->version_max, s->owners, s->owner};
}

static int take_first(const KithDisk__Manifest *from, struct manifest *m)
{
    m->epoch = from->epoch;
    m->log_dir = from->log_dir ? from->log_dir : from->epoch;
    m->reactors = from->reactors;
    m->next_id = from->next_id;
    if (m->reactors > REACTORS_MAX || from->n_log_start != m->reactors ||
        (from->n_log_end && from->n_log_end != m->reactors))
        return -EINVAL;
    if (from->snapshot) {
        m->snapshot.created_ns = from->snapshot->created_ns;
        m->snapshot.bytes = from->snapshot->bytes;
    }
    for (size_t i = 0; i < from->n_log_start; i++)
        m->log_start[i] = from->log_start[i];
    if (from->n_log_end == 0)
        return 0;
    m->log_end = malloc(from->n_log_end * sizeof(*m->log_end));
    if (!m->log_end)
        return -ENOMEM;
    memcpy(m->log_end, from->log_end, from->n_log_end * sizeof(*m->log_end));
    return 0;
}

static int take_state(const KithDisk__Manifest *from, struct manifest *m, bool first)
{
    const size_t most = from->n_collections > from->n_segments ? from->n_collections : from->n_segments;
    int rc = first ? take_first(from, m) : 0;
    if (rc == 0)
        rc = manifest_reserve(m, most);
    for (size_t i = 0; rc == 0 && i < from->n_collections; i++) {
        struct collection_config c;
        rc = take_collection(from->collections[i], &c);
        if (rc < 0)
            break;
        rc = manifest_add(m, &c);
        collection_config_fini(&c);
        if (rc == 0)
            rc = take_clean(from->collections[i], &m->clean[m->collection_count - 1]);
    }
    for (size_t i = 0; rc == 0 && i < from->n_segments; i++)
        m->segments[m->segment_count++] = take_segment(from->segments[i]);
    return rc;
}

static int take_made(const struct manifest_change *change, struct manifest *m)
{
    int rc = manifest_check(m, change);
    if (rc == 0)
        rc = manifest_reserve(m, 1);
    if (rc == 0)
        manifest_make(m, change);
    return rc;
}

static int take_created(const KithDisk__Collection *from, struct manifest *m)
{
    struct collection_config created;
    int rc = take_collection(from, &created);
    if (rc < 0)
        return rc;
    rc = take_made(&(struct manifest_change){.create = &created}, m);
    collection_config_fini(&created);
    return rc;
}

static int take_schema(const KithDisk__SchemaChange *from, struct manifest *m)
{
    struct manifest_schema schema = {.collection = from->collection};
    int rc = manifest_take_schema(from->schema, &schema.schema);
    if (rc < 0)
        return rc;
    rc = take_made(&(struct manifest_change){.schema = &schema}, m);
    schema_release(schema.schema);
    return rc;
}

static int take_change(const KithDisk__Change *from, struct manifest *m)
{
    if (from->created)
        return take_created(from->created, m);
    if (from->dropped)
        return take_made(&(struct manifest_change){.drop = from->dropped}, m);
    if (from->schema)
        return take_schema(from->schema, m);
    struct manifest_edit edit = {.removed = from->removed,
                                 .removed_count = from->n_removed,
                                 .epoch = from->epoch,
                                 .reactor = from->reactor,
                                 .log_start = from->log_start,
                                 .dirtied = from->dirtied,
                                 .cleaned = from->cleaned,
                                 .cleaned_count = from->n_cleaned};
    if (from->segment)
        edit.segment = take_segment(from->segment);
    return take_made(&(struct manifest_change){.edit = &edit}, m);
}

static int take_changes(const KithDisk__Changes *from, struct manifest *m)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < from->n_changes; i++)
        rc = take_change(from->changes[i], m);
    return rc;
}

static int take_block(const struct block *b, const uint8_t *body, struct manifest *m)
{
    int rc = -EINVAL;
    if (b->kind == BLOCK_STATE) {
        KithDisk__Manifest *from = kith_disk__manifest__unpack(NULL, b->size, body);
        rc = from ? take_state(from, m, b->number == 1) : -EINVAL;
        if (from)
            kith_disk__manifest__free_unpacked(from, NULL);
    } else if (b->kind == BLOCK_CHANGES) {
        KithDisk__Changes *from = kith_disk__changes__unpack(NULL, b->size, body);
        rc = from ? take_changes(from, m) : -EINVAL;
        if (from)
            kith_disk__changes__free_unpacked(from, NULL);
    }
    return rc;
}

struct parsing {
    const uint8_t *bytes;
    size_t size, at, state_end;
    uint64_t blocks;
    void (*pause)(void);
    const char *name;
    struct error *error;
};

static uint32_t head_crc(const struct head *h)
{
    return checksum_crc32c(0, h, offsetof(struct head, crc));
}

/* Whether an older Kith wrote the file. Format 1 had no checksum in the head. If the checksum is
 * right for this format, a bit of the number has flipped, which is damage. */
static bool is_older(const struct head *h)
{
    struct head as_now = *h;
    as_now.format = MANIFEST_FORMAT;
    if (h->format == 1)
        return head_crc(&as_now) != h->crc;
    return h->format > 1 && h->format < MANIFEST_FORMAT && head_crc(h) == h->crc;
}

static int parse_head(struct parsing *p)
{
    struct head h;
    if (p->size < sizeof(h))
        return error_set(p->error, ERROR_CORRUPT, "%s has %zu bytes, too few to be a manifest; restore it from a copy",
                         p->name, p->size);
    memcpy(&h, p->bytes, sizeof(h));
    if (h.magic != HEAD_MAGIC)
        return error_set(p->error, ERROR_CORRUPT,
                         "%s does not begin like a manifest (offset 0); restore it from a copy", p->name);
    if (is_older(&h))
        return error_set(p->error, ERROR_VERSION,
                         "%s was written by an older Kith (manifest format %u, this one reads %d); use that version, "
                         "or import the data anew",
                         p->name, h.format, MANIFEST_FORMAT);
    if (h.crc != head_crc(&h) || h.zero)
        return error_set(p->error, ERROR_CORRUPT,
                         "%s: the checksum of the %zu bytes at offset 0 does not match; restore it from a copy",
                         p->name, sizeof(h));
    if (h.format > MANIFEST_FORMAT)
        return error_set(
            p->error, ERROR_VERSION,
            "%s was written by a newer Kith (manifest format %u, this one reads up to %d); use that version", p->name,
            h.format, MANIFEST_FORMAT);
    if (h.format != MANIFEST_FORMAT || h.state_bytes > p->size - sizeof(h))
        return error_set(p->error, ERROR_CORRUPT, "%s ends at offset %zu, within its state; restore it from a copy",
                         p->name, p->size);
    p->at = sizeof(h);
    p->state_end = sizeof(h) + h.state_bytes;
    return 0;
}

static int damaged(const struct parsing *p)
{
    return error_set(p->error, ERROR_CORRUPT,
                     "%s: the block at offset %zu is damaged: its checksum does not match; restore it from a copy",
                     p->name, p->at);
}

/* Whether a whole block lies somewhere behind p->at. Then the wrong block there is
 * damage, and no torn end. */
static bool goes_on(const struct parsing *p)
{
    struct block b;
    for (size_t at = p->at + ALIGN; at < p->size && p->size - at >= sizeof(b); at += ALIGN)
        if (block_at(p->bytes, p->size, at, &b) && b.number > p->blocks)
            return true;
    return false;
}

/* Reads the next block. 1: there is none, or only a torn one. */
static int parse_block(struct parsing *p, struct manifest *m)
{
    struct block b;
    const bool state = p->at < p->state_end;
    const uint8_t *body = block_at(p->bytes, state ? p->state_end : p->size, p->at, &b);
    const bool expected = body && b.number == p->blocks + 1 && (b.kind == BLOCK_STATE) == state;
    if (!expected && !state)
        return goes_on(p) ? damaged(p) : 1;
    if (!expected)
        return damaged(p);
    int rc = take_block(&b, body, m);
    if (rc == -ENOMEM)
        return error_set_errno(p->error, rc, "reading %s", p->name);
    if (rc == -EPROTONOSUPPORT)
        return error_set(p->error, ERROR_VERSION,
                         "%s names a kind of index or of column that this Kith does not know; use the newer version "
                         "that wrote it",
                         p->name);
    if (rc < 0)
        return error_set(p->error, ERROR_CORRUPT, "%s: an entry of the block at offset %zu is out of range", p->name,
                         p->at);
    p->at += sizeof(b) + padded(b.size);
    p->blocks++;
    if (p->pause)
        p->pause();
    return 0;
}

int manifest_parse(const void *bytes, size_t size, struct manifest *m, struct manifest_tail *ret_tail,
                   void (*pause)(void), const char *name, struct error *error)
{
    struct parsing p = {.bytes = bytes, .size = size, .pause = pause, .name = name, .error = error};
    *m = (struct manifest){0};
    int rc = parse_head(&p);
    if (rc == 0 && p.state_end == p.at)
        rc = damaged(&p); /* a state has at least one block */
    while (rc == 0 && p.at < p.size)
        rc = parse_block(&p, m);
    if (rc < 0) {
        manifest_fini(m);
        return rc;
    }
    if (ret_tail)
        *ret_tail = (struct manifest_tail){p.at, p.size - p.at};
    return 0;
}

/* -- writing -- */

void manifest_pack_head(uint64_t state_bytes, uint8_t head[MANIFEST_HEAD_BYTES])
{
    struct head h = {HEAD_MAGIC, MANIFEST_FORMAT, state_bytes, 0, 0};
    h.crc = head_crc(&h);
    memcpy(head, &h, sizeof(h));
}

/* Collections, and segments, in one block: with all their fields they take less than 1 MiB. */
#define PER_BLOCK 128

static int give_collection(const struct collection_config *c, KithDisk__Collection *to, struct arena *arena)
{
    kith_disk__collection__init(to);
    to->id = c->id;
    to->name = (char *)c->name;
    to->slots = c->slots;
    to->durability = c->durability;
    to->schema = manifest_give_schema(c->schema, arena);
    return to->schema ? 0 : -ENOMEM;
}

static void give_clean(const struct manifest_cleanness *rest, KithDisk__Collection *to)
{
    size_t words = ARRAY_LEN(rest->reactors);
    while (words > 0 && rest->reactors[words - 1] == 0)
        words--;
    to->is_clean = (uint64_t *)rest->reactors;
    to->n_is_clean = words;
}

static void give_segment(const struct manifest_segment *s, KithDisk__Segment *to)
{
    kith_disk__segment__init(to);
    to->id = s->id;
    to->collection = s->collection;
    to->rows = s->rows;
    to->tombstones = s->tombstones;
    to->version_min = s->version_min;
    to->version_max = s->version_max;
    to->owners = s->owners;
    to->owner = s->owner;
}

static void give_first(const struct manifest *m, KithDisk__Manifest *to, KithDisk__Snapshot *snapshot)
{
    to->epoch = m->epoch;
    to->reactors = m->reactors;
    to->next_id = m->next_id;
    to->log_start = (uint64_t *)m->log_start;
    to->n_log_start = m->reactors;
    to->log_dir = m->log_dir;
    to->log_end = m->log_end;
    to->n_log_end = m->log_end ? m->reactors : 0;
    kith_disk__snapshot__init(snapshot);
    snapshot->created_ns = m->snapshot.created_ns;
    snapshot->bytes = m->snapshot.bytes;
    to->snapshot = m->snapshot.created_ns ? snapshot : NULL;
}

/* Makes room for a block with a body of that size, filled with zeros. */
static int block_begin(struct buffer *out, size_t size, uint8_t **ret_body)
{
    const size_t all = sizeof(struct block) + padded(size);
    int rc = buffer_reserve(out, all);
    if (rc < 0)
        return rc;
    memset(out->bytes + out->size, 0, all);
    *ret_body = out->bytes + out->size + sizeof(struct block);
    return 0;
}

static void block_end(struct buffer *out, size_t size, uint64_t number, uint32_t kind)
{
    struct block b = {BLOCK_MAGIC, (uint32_t)size, number, kind, 0};
    b.crc = block_crc(&b, out->bytes + out->size + sizeof(b));
    memcpy(out->bytes + out->size, &b, sizeof(b));
    out->size += sizeof(b) + padded(size);
}

static size_t part(size_t count, size_t at)
{
    return at >= count ? 0 : count - at < PER_BLOCK ? count - at : PER_BLOCK;
}

int manifest_pack_state(const struct manifest *m, uint64_t number, size_t *at, struct buffer *out, bool *ret_more)
{
    KithDisk__Manifest to = KITH_DISK__MANIFEST__INIT;
    KithDisk__Snapshot snapshot;
    struct arena arena = {0};
    to.n_collections = part(m->collection_count, *at);
    to.n_segments = part(m->segment_count, *at);
    KithDisk__Collection *collections = arena_alloc(&arena, (to.n_collections + 1) * sizeof(*collections));
    KithDisk__Segment *segments = arena_alloc(&arena, (to.n_segments + 1) * sizeof(*segments));
    to.collections = arena_alloc(&arena, (to.n_collections + 1) * sizeof(void *));
    to.segments = arena_alloc(&arena, (to.n_segments + 1) * sizeof(void *));
    int rc = collections && segments && to.collections && to.segments ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < to.n_collections; i++) {
        rc = give_collection(&m->collections[*at + i], &collections[i], &arena);
        give_clean(&m->clean[*at + i], &collections[i]);
        to.collections[i] = &collections[i];
    }
    for (size_t i = 0; rc == 0 && i < to.n_segments; i++) {
        give_segment(&m->segments[*at + i], &segments[i]);
        to.segments[i] = &segments[i];
    }
    if (*at == 0)
        give_first(m, &to, &snapshot);
    uint8_t *body;
    const size_t size = rc == 0 ? kith_disk__manifest__get_packed_size(&to) : 0;
    if (rc == 0)
        rc = block_begin(out, size, &body);
    if (rc == 0) {
        kith_disk__manifest__pack(&to, body);
        block_end(out, size, number, BLOCK_STATE);
    }
    arena_fini(&arena);
    *at += PER_BLOCK;
    *ret_more = *at < m->collection_count || *at < m->segment_count;
    return rc;
}

/* A change in its protobuf form, which borrows strings and lists. */
struct given {
    KithDisk__Change change;
    KithDisk__Collection collection;
    KithDisk__Segment segment;
    KithDisk__SchemaChange schema;
};

static int give_change(const struct manifest_change *from, struct given *to, struct arena *arena)
{
    const struct manifest_edit *edit = from->edit;
    kith_disk__change__init(&to->change);
    to->change.dropped = from->drop;
    if (from->create) {
        to->change.created = &to->collection;
        return give_collection(from->create, &to->collection, arena);
    }
    if (from->schema) {
        kith_disk__schema_change__init(&to->schema);
        to->schema.collection = from->schema->collection;
        to->schema.schema = manifest_give_schema(from->schema->schema, arena);
        to->change.schema = &to->schema;
        return to->schema.schema ? 0 : -ENOMEM;
    }
    if (!edit)
        return 0;
    if (edit->segment.id) {
        give_segment(&edit->segment, &to->segment);
        to->change.segment = &to->segment;
    }
    to->change.removed = (uint64_t *)edit->removed;
    to->change.n_removed = edit->removed_count;
    to->change.epoch = edit->epoch;
    to->change.reactor = edit->reactor;
    to->change.log_start = edit->log_start;
    to->change.dirtied = edit->dirtied;
    to->change.cleaned = (uint64_t *)edit->cleaned;
    to->change.n_cleaned = edit->cleaned_count;
    return 0;
}

int manifest_pack_changes(const struct manifest_change *const *changes, size_t count, uint64_t number,
                          struct buffer *out)
{
    KithDisk__Changes to = KITH_DISK__CHANGES__INIT;
    struct arena arena = {0};
    struct given *given = arena_alloc(&arena, (count + 1) * sizeof(*given));
    to.changes = arena_alloc(&arena, (count + 1) * sizeof(void *));
    to.n_changes = count;
    int rc = given && to.changes ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = give_change(changes[i], &given[i], &arena);
        to.changes[i] = &given[i].change;
    }
    uint8_t *body;
    const size_t size = rc == 0 ? kith_disk__changes__get_packed_size(&to) : 0;
    if (rc == 0)
        rc = block_begin(out, size, &body);
    if (rc == 0) {
        kith_disk__changes__pack(&to, body);
        block_end(out, size, number, BLOCK_CHANGES);
    }
    arena_fini(&arena);
    return rc;
}
