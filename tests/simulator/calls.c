#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_create(struct client *c, const char *name, uint32_t dim, Kith__Durability durability,
                const struct index_recipe *kind)
{
    Kith__Collection collection = KITH__COLLECTION__INIT;
    collection.name = (char *)(uintptr_t)name;
    collection.dim = dim;
    collection.metric = kind->metric;
    collection.durability = durability;
    collection.code = kind->code;
    collection.code_bits = kind->code_bits;
    collection.refine = kind->refine;
    collection.links = kind->links;
    collection.index = (char *)(uintptr_t)kind->index; /* only read */
    Kith__CreateCollection create = KITH__CREATE_COLLECTION__INIT;
    create.collection = &collection;
    return client_call(c, KITH_OP_CREATE, &create.base, NULL, 0, NULL);
}

static Kith__PointIds numbers(const uint64_t *ids, uint32_t n)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    list.numbers = (uint64_t *)(uintptr_t)ids;
    list.n_numbers = n;
    return list;
}

static Kith__Upsert upsert_message(const struct call_upsert *u, Kith__PointIds *list)
{
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    *list = numbers(u->ids, u->count);
    upsert.collection = (char *)(uintptr_t)u->name;
    upsert.ids = list;
    upsert.payloads = (ProtobufCBinaryData){u->payload_bytes, (uint8_t *)(uintptr_t)u->payloads};
    upsert.n_payload_sizes = u->count;
    upsert.payload_sizes = u->payload_sizes;
    return upsert;
}

int call_upsert(struct client *c, const struct call_upsert *u)
{
    Kith__PointIds list;
    const Kith__Upsert upsert = upsert_message(u, &list);
    return client_call(c, KITH_OP_UPSERT, &upsert.base, u->vectors, (uint64_t)u->count * u->dim * sizeof(float), NULL);
}

int call_upsert_send(struct client *c, const struct call_upsert *u)
{
    Kith__PointIds list;
    const Kith__Upsert upsert = upsert_message(u, &list);
    return client_send(c, KITH_OP_UPSERT, c->next_id++, 0, &upsert.base, u->vectors,
                       (uint64_t)u->count * u->dim * sizeof(float));
}

int call_get(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint32_t dim, struct call_points *ret)
{
    Kith__PointIds list = numbers(ids, n);
    Kith__Get get = KITH__GET__INIT;
    get.collection = (char *)(uintptr_t)name;
    get.ids = &list;
    get.with_vectors = get.with_payloads = true;
    struct client_reply r;
    *ret = (struct call_points){0};
    int rc = client_call(c, KITH_OP_GET, &get.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
    uint64_t bytes = 0;
    for (size_t i = 0; p && i < p->n_payload_sizes; i++)
        bytes += p->payload_sizes[i];
    if (!p || p->n_id_lo > n || r.header.block_bytes != p->n_id_lo * dim * sizeof(float) ||
        p->n_payload_sizes != p->n_id_lo || bytes != p->payloads.len) {
        kith__points__free_unpacked(p, NULL);
        client_reply_fini(&r);
        return -EPROTO;
    }
    *ret = (struct call_points){.meta = p, .vectors = (float *)(void *)r.block, .block = r.block};
    free(r.meta);
    return 0;
}

void call_points_fini(struct call_points *p)
{
    if (p->meta)
        kith__points__free_unpacked(p->meta, NULL);
    free(p->block);
    *p = (struct call_points){0};
}

int call_seal(struct client *c, const char *name)
{
    Kith__Seal seal = KITH__SEAL__INIT;
    seal.collection = (char *)(uintptr_t)name;
    return client_call(c, KITH_OP_SEAL, &seal.base, NULL, 0, NULL);
}

int call_compact(struct client *c, const char *name)
{
    Kith__Compact compact = KITH__COMPACT__INIT;
    compact.collection = (char *)(uintptr_t)name;
    return client_call(c, KITH_OP_COMPACT, &compact.base, NULL, 0, NULL);
}

int call_verify(struct client *c, uint64_t *ret_damages, char text[200])
{
    uint8_t cursor[64];
    Kith__Verify verify = KITH__VERIFY__INIT;
    verify.collection = (char *)(uintptr_t) "";
    verify.cursor.data = cursor;
    *ret_damages = 0;
    do {
        struct client_reply r;
        int rc = client_call(c, KITH_OP_VERIFY, &verify.base, NULL, 0, &r);
        if (rc < 0)
            return rc;
        Kith__Verified *v = kith__verified__unpack(NULL, r.header.meta_bytes, r.meta);
        client_reply_fini(&r);
        if (!v || v->cursor.len > sizeof(cursor)) {
            kith__verified__free_unpacked(v, NULL);
            return -EPROTO;
        }
        if (*ret_damages == 0 && v->n_damages)
            snprintf(text, 200, "%s %s at %llu: %s", v->damages[0]->file, v->damages[0]->region,
                     (unsigned long long)v->damages[0]->offset, v->damages[0]->text);
        *ret_damages += v->n_damages;
        verify.cursor.len = v->cursor.len;
        if (v->cursor.len)
            memcpy(cursor, v->cursor.data, v->cursor.len);
        kith__verified__free_unpacked(v, NULL);
    } while (verify.cursor.len);
    return 0;
}

int call_snapshot_create(struct client *c, const char *name)
{
    Kith__CreateSnapshot ask = KITH__CREATE_SNAPSHOT__INIT;
    ask.name = (char *)(uintptr_t)name;
    return client_call(c, KITH_OP_SNAPSHOT_CREATE, &ask.base, NULL, 0, NULL);
}

int call_snapshot_restore(struct client *c, const char *name)
{
    Kith__RestoreSnapshot ask = KITH__RESTORE_SNAPSHOT__INIT;
    ask.name = (char *)(uintptr_t)name;
    return client_call(c, KITH_OP_SNAPSHOT_RESTORE, &ask.base, NULL, 0, NULL);
}

int call_snapshot_delete(struct client *c, const char *name)
{
    Kith__DeleteSnapshot ask = KITH__DELETE_SNAPSHOT__INIT;
    ask.name = (char *)(uintptr_t)name;
    return client_call(c, KITH_OP_SNAPSHOT_DELETE, &ask.base, NULL, 0, NULL);
}
