#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS ((uint64_t)60000000000)

static uint64_t deadline(const struct client *c)
{
    return clock_now_ns() + (c->timeout_ns ? c->timeout_ns : TIMEOUT_NS);
}

int client_connect(struct client *c, uint16_t port)
{
    *c = (struct client){.next_id = 1};
    return connection_open("127.0.0.1", port, &c->connection);
}

int client_open(struct client *c, uint16_t port)
{
    return client_open_as(c, port, NULL, 0);
}

int client_open_as(struct client *c, uint16_t port, const uint8_t *client_id, uint32_t number)
{
    int rc = client_connect(c, port);
    if (rc < 0)
        return rc;
    Kith__Hello hello = KITH__HELLO__INIT;
    hello.version_min = hello.version_max = KITH_PROTOCOL_VERSION;
    hello.client = (char *)"test";
    hello.client_id = (ProtobufCBinaryData){client_id ? 16 : 0, (uint8_t *)client_id};
    hello.connection = number;
    rc = client_call(c, KITH_OP_HELLO, &hello.base, NULL, 0, NULL);
    if (rc < 0)
        client_close(c);
    return rc;
}

void client_close(struct client *c)
{
    if (c->connection)
        connection_close(c->connection);
    c->connection = NULL;
}

void client_reply_fini(struct client_reply *r)
{
    free(r->meta);
    free(r->block);
    memset(r, 0, sizeof(*r));
}

int client_send_bytes(struct client *c, const void *bytes, size_t n)
{
    struct slice slice = {bytes, n};
    return connection_send(c->connection, &slice, 1, deadline(c));
}

static size_t padding(uint64_t meta_bytes, uint64_t block_bytes)
{
    return block_bytes ? (64 - (KITH_HEADER_BYTES + meta_bytes) % 64) % 64 : 0;
}

int client_send(struct client *c, uint16_t op, uint64_t id, uint32_t word, const ProtobufCMessage *meta,
                const void *block, uint64_t block_bytes)
{
    size_t meta_bytes = meta ? protobuf_c_message_get_packed_size(meta) : 0;
    size_t size = KITH_HEADER_BYTES + meta_bytes + padding(meta_bytes, block_bytes);
    uint8_t *head = calloc(1, size);
    if (!head)
        return -ENOMEM;
    struct kith_frame_header h = {KITH_MAGIC, op, 0, id, (uint32_t)meta_bytes, word, block_bytes};
    memcpy(head, &h, sizeof(h));
    if (meta)
        protobuf_c_message_pack(meta, head + KITH_HEADER_BYTES);
    struct slice slices[2] = {{head, size}, {block, block_bytes}};
    int rc = connection_send(c->connection, slices, block_bytes ? 2 : 1, deadline(c));
    free(head);
    return rc;
}

static int receive_bytes(struct client *c, void *to, size_t n)
{
    uint8_t *at = to;
    while (n > 0) {
        int64_t got = connection_receive(c->connection, at, n, deadline(c));
        if (got <= 0)
            return got == 0 ? -ECONNRESET : (int)got;
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

int client_receive(struct client *c, struct client_reply *ret)
{
    memset(ret, 0, sizeof(*ret));
    int rc = receive_bytes(c, &ret->header, sizeof(ret->header));
    if (rc < 0)
        return rc;
    if (ret->header.magic != KITH_MAGIC || !(ret->header.flags & KITH_FLAG_REPLY))
        return -EPROTO;
    uint8_t zeros[64];
    ret->meta = malloc(ret->header.meta_bytes + 1);
    ret->block = malloc(ret->header.block_bytes + 1);
    rc = ret->meta && ret->block ? receive_bytes(c, ret->meta, ret->header.meta_bytes) : -ENOMEM;
    if (rc == 0)
        rc = receive_bytes(c, zeros, padding(ret->header.meta_bytes, ret->header.block_bytes));
    if (rc == 0)
        rc = receive_bytes(c, ret->block, ret->header.block_bytes);
    if (rc == 0 && (ret->header.flags & KITH_FLAG_ERROR)) {
        rc = CLIENT_REFUSED(ret->header.word);
        Kith__Error *e = kith__error__unpack(NULL, ret->header.meta_bytes, ret->meta);
        if (!e)
            return -EPROTO;
        snprintf(c->error, sizeof(c->error), "%s", e->text);
        c->retry_after_ms = e->retry_after_ms;
        kith__error__free_unpacked(e, NULL);
    }
    return rc;
}

int client_call(struct client *c, uint16_t op, const ProtobufCMessage *meta, const void *block, uint64_t block_bytes,
                struct client_reply *ret)
{
    struct client_reply own;
    uint64_t id = c->next_id++;
    int rc = client_send(c, op, id, 0, meta, block, block_bytes);
    if (rc < 0)
        return rc;
    rc = client_receive(c, &own);
    const bool of_connection = rc <= -1000 && own.header.request_id == 0 && own.header.op == 0;
    if ((rc == 0 || rc <= -1000) && !of_connection && (own.header.request_id != id || own.header.op != op))
        rc = -EPROTO;
    if (rc == 0 && ret)
        *ret = own;
    else
        client_reply_fini(&own);
    return rc;
}

int client_ping(struct client *c)
{
    Kith__Ping ping = KITH__PING__INIT;
    return client_call(c, KITH_OP_PING, &ping.base, NULL, 0, NULL);
}

int client_create(struct client *c, const char *name, uint32_t dim, Kith__Metric metric)
{
    Kith__Collection collection = KITH__COLLECTION__INIT;
    collection.name = (char *)name;
    collection.dim = dim;
    collection.metric = metric;
    Kith__CreateCollection create = KITH__CREATE_COLLECTION__INIT;
    create.collection = &collection;
    return client_call(c, KITH_OP_CREATE, &create.base, NULL, 0, NULL);
}

int client_drop(struct client *c, const char *name)
{
    Kith__DropCollection drop = KITH__DROP_COLLECTION__INIT;
    drop.name = (char *)name;
    return client_call(c, KITH_OP_DROP, &drop.base, NULL, 0, NULL);
}

static int change_schema(struct client *c, const Kith__ChangeSchema *ask, uint64_t *ret_version)
{
    struct client_reply r;
    int rc = client_call(c, KITH_OP_SCHEMA_CHANGE, &ask->base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Collection *answer = kith__collection__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    if (!answer)
        return -EPROTO;
    if (ret_version)
        *ret_version = answer->schema_version;
    kith__collection__free_unpacked(answer, NULL);
    return 0;
}

int client_add_field(struct client *c, const char *name, const char *path, const char *kind, uint64_t version,
                     uint64_t *ret_version)
{
    Kith__ChangeSchema ask = KITH__CHANGE_SCHEMA__INIT;
    Kith__Field field = KITH__FIELD__INIT;
    field.path = (char *)(uintptr_t)path;
    field.kind = (char *)(uintptr_t)kind;
    ask.collection = (char *)(uintptr_t)name;
    ask.version = version;
    ask.change_case = KITH__CHANGE_SCHEMA__CHANGE_ADD_FIELD;
    ask.add_field = &field;
    return change_schema(c, &ask, ret_version);
}

int client_drop_field(struct client *c, const char *name, const char *path, uint64_t version, uint64_t *ret_version)
{
    Kith__ChangeSchema ask = KITH__CHANGE_SCHEMA__INIT;
    ask.collection = (char *)(uintptr_t)name;
    ask.version = version;
    ask.change_case = KITH__CHANGE_SCHEMA__CHANGE_DROP_FIELD;
    ask.drop_field = (char *)(uintptr_t)path;
    return change_schema(c, &ask, ret_version);
}

int client_info(struct client *c, const char *name, Kith__Info **ret)
{
    Kith__GetInfo ask = KITH__GET_INFO__INIT;
    struct client_reply r;
    ask.name = (char *)(uintptr_t)name;
    int rc = client_call(c, KITH_OP_INFO, &ask.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    *ret = kith__info__unpack(NULL, r.header.meta_bytes, r.meta);
    client_reply_fini(&r);
    return *ret && (*ret)->collection ? 0 : -EPROTO;
}

static Kith__PointIds numbers(const uint64_t *ids, uint32_t n)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    list.numbers = (uint64_t *)ids;
    list.n_numbers = n;
    return list;
}

int client_upsert(struct client *c, const char *name, const uint64_t *ids, uint32_t n, const float *vectors,
                  uint32_t dim)
{
    Kith__PointIds list = numbers(ids, n);
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    upsert.collection = (char *)name;
    upsert.ids = &list;
    return client_call(c, KITH_OP_UPSERT, &upsert.base, vectors, (uint64_t)n * dim * sizeof(float), NULL);
}

int client_delete(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint64_t *ret_deleted)
{
    Kith__PointIds list = numbers(ids, n);
    Kith__Delete delete = KITH__DELETE__INIT;
    delete.collection = (char *)name;
    delete.ids = &list;
    struct client_reply r;
    int rc = client_call(c, KITH_OP_DELETE, &delete.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Deleted *deleted = kith__deleted__unpack(NULL, r.header.meta_bytes, r.meta);
    *ret_deleted = deleted ? deleted->count : 0;
    rc = deleted ? 0 : -EPROTO;
    kith__deleted__free_unpacked(deleted, NULL);
    client_reply_fini(&r);
    return rc;
}

int client_count(struct client *c, const char *name, uint64_t *ret)
{
    Kith__Count count = KITH__COUNT__INIT;
    count.collection = (char *)name;
    struct client_reply r;
    int rc = client_call(c, KITH_OP_COUNT, &count.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Counted *counted = kith__counted__unpack(NULL, r.header.meta_bytes, r.meta);
    *ret = counted ? counted->count : 0;
    rc = counted ? 0 : -EPROTO;
    kith__counted__free_unpacked(counted, NULL);
    client_reply_fini(&r);
    return rc;
}

int client_search(struct client *c, const char *name, const float *query, uint32_t dim, uint32_t k, bool exact,
                  uint64_t *ret_ids, float *ret_scores, uint32_t *ret_count)
{
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)name;
    search.k = k;
    search.exact = exact;
    search.ef = c->ef;
    search.recall = c->recall;
    search.filter = c->filter;
    search.fan_out = (Kith__FanOut)c->fan_out;
    struct client_reply r;
    int rc = client_call(c, KITH_OP_SEARCH, &search.base, query, dim * sizeof(float), &r);
    if (rc < 0)
        return rc;
    Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
    rc = p && p->n_counts == 1 && p->n_id_lo == p->counts[0] && p->n_scores == p->n_id_lo && p->n_id_lo <= k ? 0
                                                                                                             : -EPROTO;
    *ret_count = 0;
    for (uint32_t i = 0; rc == 0 && i < p->n_id_lo; i++) {
        ret_ids[i] = p->id_lo[i];
        ret_scores[i] = p->scores[i];
        *ret_count = i + 1;
    }
    kith__points__free_unpacked(p, NULL);
    client_reply_fini(&r);
    return rc;
}

int client_get(struct client *c, const char *name, const uint64_t *ids, uint32_t n, uint32_t dim, uint64_t *ret_ids,
               float *ret_vectors, uint32_t *ret_count)
{
    Kith__PointIds list = numbers(ids, n);
    Kith__Get get = KITH__GET__INIT;
    get.collection = (char *)name;
    get.ids = &list;
    get.with_vectors = true;
    struct client_reply r;
    int rc = client_call(c, KITH_OP_GET, &get.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
    rc = p && p->n_id_lo <= n && r.header.block_bytes == p->n_id_lo * dim * sizeof(float) ? 0 : -EPROTO;
    *ret_count = 0;
    if (rc == 0 && p->n_id_lo) {
        memcpy(ret_ids, p->id_lo, p->n_id_lo * sizeof(*ret_ids));
        memcpy(ret_vectors, r.block, r.header.block_bytes);
        *ret_count = (uint32_t)p->n_id_lo;
    }
    kith__points__free_unpacked(p, NULL);
    client_reply_fini(&r);
    return rc;
}
