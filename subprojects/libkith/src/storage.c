/* Calls on what the server has stored: reads a collection and its segments, seals, compacts, and
 * checks checksums. */
#include "connection.h"
#include "kith.pb-c.h"

#include <string.h>

static int info_read(struct kith *k, const char *name, bool with_segments, const Kith__Info **ret, struct kith_info *to)
{
    Kith__GetInfo m = KITH__GET_INFO__INIT;
    m.name = (char *)name;
    m.with_segments = with_segments;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_INFO, &m.base, &kith__info__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__Info *i = (const Kith__Info *)reply;
    if (!i->collection)
        return kith_break(k, KITH_PROTOCOL, "the server's answer names no collection");
    *to = (struct kith_info){
        .collection = collection_of(i->collection),
        .points = i->points,
        .growing_rows = i->growing_rows,
        .growing_graphed = i->growing_graphed,
        .sealed_segments = i->sealed_segments,
        .sealed_rows = i->sealed_rows,
        .sealed_dead_rows = i->sealed_dead_rows,
        .growing_dead_rows = i->growing_dead_rows,
        .disk_bytes = i->disk_bytes,
        .memory_bytes = i->memory_bytes,
        .read_only = i->read_only,
    };
    *ret = i;
    return fields_of(k, i->collection, &to->collection);
}

int kith_info_read(struct kith *k, const char *name, struct kith_info *ret)
{
    const Kith__Info *i = NULL;
    return info_read(k, name, false, &i, ret);
}

static struct kith_recall_rung rung_of(const Kith__RecallRung *r)
{
    return (struct kith_recall_rung){.ef = r->ef, .recall = r->recall, .floor = r->floor, .distances = r->distances};
}

/* NULL: no memory. */
static struct kith_recall_rung *ladder_of(struct kith *k, Kith__RecallRung *const *rungs, size_t count)
{
    struct kith_recall_rung *to = reply_arena_alloc(&k->arena, (count + 1) * sizeof(*to));
    for (size_t i = 0; to && i < count; i++)
        to[i] = rung_of(rungs[i]);
    return to;
}

static int recall_read(struct kith *k, const Kith__Segment *s, struct kith_segment *to)
{
    to->recall_10 = ladder_of(k, s->recall_10, s->n_recall_10);
    to->recall_100 = ladder_of(k, s->recall_100, s->n_recall_100);
    to->recall_10_early = ladder_of(k, s->recall_10_early, s->n_recall_10_early);
    if (!to->recall_10 || !to->recall_100 || !to->recall_10_early)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for the recall of a segment");
    to->recall_10_count = s->n_recall_10;
    to->recall_100_count = s->n_recall_100;
    to->recall_10_early_count = s->n_recall_10_early;
    if (s->recall_scan)
        to->recall_scan = rung_of(s->recall_scan);
    return 0;
}

int kith_segments_read(struct kith *k, const char *name, struct kith_info *ret_info, const struct kith_segment **ret,
                       size_t *ret_count)
{
    const Kith__Info *i = NULL;
    int rc = info_read(k, name, true, &i, ret_info);
    if (rc < 0)
        return rc;
    struct kith_segment *to = reply_arena_alloc(&k->arena, (i->n_segments + 1) * sizeof(*to));
    if (!to)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu segments", i->n_segments);
    for (size_t at = 0; at < i->n_segments; at++) {
        const Kith__Segment *s = i->segments[at];
        to[at] = (struct kith_segment){
            .id = s->id,
            .reactor = s->reactor,
            .state = (enum kith_segment_state)s->state,
            .merging = s->merging,
            .rows = s->rows,
            .deleted_rows = s->deleted_rows,
            .tombstones = s->tombstones,
            .vector_bytes = s->vector_bytes,
            .payload_bytes = s->payload_bytes,
            .index_bytes = s->index_bytes,
            .memory_bytes = s->memory_bytes,
            .disk_bytes = s->disk_bytes,
            .index = {.m = s->m,
                      .ef_construct = s->ef_construct,
                      .code = (enum kith_code_kind)s->code,
                      .code_bits = s->code_bits,
                      .refine = (enum kith_refine)s->refine,
                      .refine_k = s->refine_k,
                      .links = (enum kith_links)s->links,
                      .kind = s->index},
            .why = s->why,
        };
        rc = recall_read(k, s, &to[at]);
        if (rc < 0)
            return rc;
    }
    *ret = to;
    *ret_count = i->n_segments;
    return 0;
}

int kith_seal(struct kith *k, const char *name)
{
    Kith__Seal m = KITH__SEAL__INIT;
    m.collection = (char *)name;
    return kith_call(k, KITH_OP_SEAL, &m.base, NULL, NULL);
}

int kith_compact(struct kith *k, const char *name)
{
    Kith__Compact m = KITH__COMPACT__INIT;
    m.collection = (char *)name;
    return kith_call(k, KITH_OP_COMPACT, &m.base, NULL, NULL);
}

int64_t kith_start_seal(struct kith *k, const char *name)
{
    Kith__Seal m = KITH__SEAL__INIT;
    m.collection = (char *)name;
    int64_t id = 0;
    int rc = send_message(k, KITH_OP_SEAL, &m.base, &id);
    return rc < 0 ? rc : id;
}

int64_t kith_start_compact(struct kith *k, const char *name)
{
    Kith__Compact m = KITH__COMPACT__INIT;
    m.collection = (char *)name;
    int64_t id = 0;
    int rc = send_message(k, KITH_OP_COMPACT, &m.base, &id);
    return rc < 0 ? rc : id;
}

static int damages_fill(struct kith *k, const Kith__Verified *v, struct kith_verified *ret)
{
    struct kith_damage *to = reply_arena_alloc(&k->arena, (v->n_damages + 1) * sizeof(*to));
    if (!to)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu damages", v->n_damages);
    for (size_t i = 0; i < v->n_damages; i++) {
        const Kith__Damage *d = v->damages[i];
        to[i] = (struct kith_damage){.file = d->file, .region = d->region, .offset = d->offset, .what = d->text};
    }
    ret->damages = to;
    ret->damage_count = v->n_damages;
    return 0;
}

int kith_verify(struct kith *k, const char *collection, struct kith_cursor *at, struct kith_verified *ret)
{
    Kith__Verify m = KITH__VERIFY__INIT;
    m.collection = (char *)(collection ? collection : "");
    m.cursor = (ProtobufCBinaryData){at->size, at->bytes};
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_VERIFY, &m.base, &kith__verified__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__Verified *v = (const Kith__Verified *)reply;
    if (v->cursor.len > sizeof(at->bytes))
        return kith_break(k, KITH_PROTOCOL, "the server's cursor has %zu bytes", v->cursor.len);
    *ret = (struct kith_verified){
        .bytes_total = v->bytes_total, .bytes = v->bytes, .files = v->files, .finished = v->cursor.len == 0};
    at->size = v->cursor.len;
    if (at->size)
        memcpy(at->bytes, v->cursor.data, at->size);
    return damages_fill(k, v, ret);
}
