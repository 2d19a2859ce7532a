/* Opening and closing connections, and the synchronous calls on collections and points. Each call
 * sends one request, then waits for its answer. */
#include "connection.h"
#include "kith.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define HELLO_TIMEOUT_US    10000000
#define HELLO_BYTES_MAX     4096 /* the longest frame before the server has told its limit */
#define KITH_DEFAULT_SERVER "127.0.0.1"
#define REFUSED_WAIT_MS     5000 /* longer than a server takes from exec() to listen() */
#define REFUSED_PAUSE_US    20000
#define PATIENCE_MS         10000
#define PAUSE_US_MAX        100000

/* Receives the answer to request id, the only one in flight. Moves the request from the table into
 * *ret_request. */
static int await(struct kith *k, int64_t id, int64_t timeout_us, struct frame *ret, struct request *ret_request)
{
    struct request *r = request_find(k, (uint64_t)id);
    int rc = connection_receive(k, timeout_us, ret);
    if (rc == 0)
        rc = kith_break(k, KITH_DISCONNECTED, "the server does not answer");
    if (rc < 0)
        return rc;
    if (ret->header.request_id != (uint64_t)id || ret->header.op != r->op) {
        /* request id 0: an error of the whole connection */
        rc = ret->header.request_id == 0 ? reply_code(k, ret) : 0;
        if (rc < 0)
            return k->broken = rc;
        return kith_break(k, KITH_PROTOCOL, "the server answered something that was not asked");
    }
    *ret_request = *r;
    request_remove(k, r);
    return reply_code(k, ret);
}

static int begin(struct kith *k)
{
    connection_begin(k);
    if (k->broken)
        return k->broken;
    if (k->in_flight > 0)
        return kith_fail(k, KITH_INVALID_ARGUMENT, "%zu requests are in flight: collect them with kith_next() first",
                         k->in_flight);
    return 0;
}

/* A synchronous call that is repeated while the server starts. */
struct attempt {
    int64_t began_us;
    uint32_t pause_us; /* 0: it is the first */
};

/* Whether to send the request again: rc says that the server starts, and time is left. If so,
 * pauses first. Only a server that starts refuses with KITH_UNAVAILABLE and a retry_after_ms, and
 * it has done no part of the request. */
static bool again(struct kith *k, int rc, struct attempt *a)
{
    if (rc != -KITH_UNAVAILABLE || k->retry_after_ms == 0 || k->broken)
        return false;
    int64_t now = kith_now_us();
    if (a->pause_us == 0)
        *a = (struct attempt){now, 2500};
    if (now - a->began_us >= (int64_t)k->patience_ms * 1000)
        return false;
    if (k->on_wait)
        k->on_wait(k->on_wait_arg, k->error);
    usleep(a->pause_us);
    a->pause_us = a->pause_us * 2 < PAUSE_US_MAX ? a->pause_us * 2 : PAUSE_US_MAX;
    return true;
}

int kith_call(struct kith *k, uint16_t op, const ProtobufCMessage *meta, const ProtobufCMessageDescriptor *type,
              ProtobufCMessage **ret)
{
    int64_t id;
    struct frame f;
    struct request r;
    struct attempt a = {0};
    int rc;
    do {
        rc = begin(k);
        if (rc == 0)
            rc = send_message(k, op, meta, &id);
        if (rc == 0)
            rc = await(k, id, -1, &f, &r);
    } while (again(k, rc, &a));
    if (rc == 0 && type)
        rc = reply_unpack(k, &f, type, ret);
    return rc;
}

static int hello(struct kith *k)
{
    Kith__Hello m = KITH__HELLO__INIT;
    m.version_min = KITH_PROTOCOL_VERSION;
    m.version_max = KITH_PROTOCOL_VERSION;
    m.client = (char *)"libkith 0.1.0";
    m.client_id = (ProtobufCBinaryData){sizeof(k->client_id), k->client_id};
    m.connection = k->connections++;
    int64_t id;
    struct frame f;
    struct request r;
    ProtobufCMessage *reply;
    int rc = send_message(k, KITH_OP_HELLO, &m.base, &id);
    if (rc == 0)
        rc = await(k, id, HELLO_TIMEOUT_US, &f, &r);
    if (rc == 0)
        rc = reply_unpack(k, &f, &kith__hello_reply__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__HelloReply *h = (const Kith__HelloReply *)reply;
    if (h->version != KITH_PROTOCOL_VERSION)
        return kith_break(k, KITH_VERSION, "the server speaks version %u of the protocol, this client version %d",
                          h->version, KITH_PROTOCOL_VERSION);
    snprintf(k->server, sizeof(k->server), "%s", h->server);
    k->frame_bytes_max = h->frame_bytes_max ? h->frame_bytes_max : KITH_REPLY_BYTES_MAX;
    k->requests_max = h->requests_max;
    k->reactors = h->reactors;
    return 0;
}

static int connect_patiently(struct kith *k, const char *address, uint32_t wait_ms, kith_wait_fn on_wait, void *arg)
{
    int64_t until = kith_now_us() + (int64_t)wait_ms * 1000;
    for (;;) {
        bool refused;
        int rc = socket_connect(k, address, &refused);
        if (rc == 0 || !refused || kith_now_us() >= until)
            return rc;
        if (on_wait)
            on_wait(arg, k->error);
        usleep(REFUSED_PAUSE_US);
    }
}

/* Sets the address of the server and the random id of this client. */
static int identify(struct kith *k, const char *address)
{
    k->address = strdup(address);
    if (!k->address)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for a connection");
    if (getrandom(k->client_id, sizeof(k->client_id), 0) != (ssize_t)sizeof(k->client_id))
        return kith_fail(k, KITH_INTERNAL, "the system gives no random bytes: %s", strerror(errno));
    return 0;
}

static int greet(struct kith *k, uint32_t wait_ms, kith_wait_fn on_wait, void *arg)
{
    k->frame_bytes_max = HELLO_BYTES_MAX;
    int rc = connect_patiently(k, k->address, wait_ms, on_wait, arg);
    return rc == 0 ? hello(k) : rc;
}

int kith_reconnect(struct kith *k)
{
    connection_begin(k);
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    k->broken = 0;
    k->out.start = k->out.end = k->in.start = k->in.end = 0;
    requests_forget(k);
    int rc = greet(k, REFUSED_WAIT_MS, NULL, NULL);
    if (rc < 0)
        k->broken = rc;
    return rc;
}

int kith_open(const char *address, struct kith **ret, char *error, size_t error_size)
{
    return kith_open_within(address, REFUSED_WAIT_MS, NULL, NULL, ret, error, error_size);
}

int kith_open_within(const char *address, uint32_t wait_ms, kith_wait_fn on_wait, void *arg, struct kith **ret,
                     char *error, size_t error_size)
{
    *ret = NULL;
    struct kith *k = calloc(1, sizeof(*k));
    if (!k) {
        if (error && error_size > 0)
            snprintf(error, error_size, "no memory for a connection");
        return -KITH_NO_MEMORY;
    }
    k->fd = -1;
    k->id_next = 1;
    k->patience_ms = PATIENCE_MS;
    reply_arena_init(&k->arena);
    reply_arena_init(&k->scratch);
    int rc = identify(k, address && address[0] ? address : KITH_DEFAULT_SERVER);
    if (rc == 0)
        rc = greet(k, wait_ms, on_wait, arg);
    if (rc < 0) {
        if (error && error_size > 0)
            snprintf(error, error_size, "%s", k->error);
        kith_close(k);
        return rc;
    }
    *ret = k;
    return 0;
}

void kith_close(struct kith *k)
{
    if (!k)
        return;
    if (k->fd >= 0)
        close(k->fd);
    free(k->out.bytes);
    free(k->in.bytes);
    free(k->requests);
    free(k->retired);
    free(k->address);
    reply_arena_fini(&k->arena);
    reply_arena_fini(&k->scratch);
    free(k);
}

void kith_patience_set(struct kith *k, uint32_t ms, kith_wait_fn on_wait, void *arg)
{
    k->patience_ms = ms;
    k->on_wait = on_wait;
    k->on_wait_arg = arg;
}

const char *kith_error(const struct kith *k)
{
    return k->error;
}

uint32_t kith_retry_after_ms(const struct kith *k)
{
    return k->retry_after_ms;
}

const char *kith_server(const struct kith *k)
{
    return k->server;
}

uint32_t kith_requests_max(const struct kith *k)
{
    return k->requests_max;
}

uint32_t kith_reactors(const struct kith *k)
{
    return k->reactors;
}

int kith_fd(const struct kith *k)
{
    return k->fd;
}

uint64_t kith_received_ns(const struct kith *k)
{
    return k->received_ns;
}

size_t kith_in_flight(const struct kith *k)
{
    return k->in_flight;
}

int kith_ping(struct kith *k)
{
    Kith__Ping m = KITH__PING__INIT;
    return kith_call(k, KITH_OP_PING, &m.base, NULL, NULL);
}

int kith_create(struct kith *k, const struct kith_collection *c)
{
    Kith__Collection collection = KITH__COLLECTION__INIT;
    collection.name = (char *)c->name;
    collection.dim = c->dim;
    collection.metric = (Kith__Metric)c->metric;
    collection.durability = (Kith__Durability)(c->durability ? c->durability : KITH_FLUSH);
    collection.slots = c->slots;
    collection.m = c->index.m;
    collection.ef_construct = c->index.ef_construct;
    collection.code = (Kith__Code)c->index.code;
    collection.code_bits = c->index.code_bits;
    collection.refine = (Kith__Refine)c->index.refine;
    collection.refine_k = c->index.refine_k;
    collection.links = (Kith__Links)c->index.links;
    if (c->index.kind)
        collection.index = (char *)c->index.kind;
    int rc = fields_message(k, c, &collection);
    if (rc < 0)
        return rc;
    Kith__CreateCollection m = KITH__CREATE_COLLECTION__INIT;
    m.collection = &collection;
    return kith_call(k, KITH_OP_CREATE, &m.base, NULL, NULL);
}

int kith_drop(struct kith *k, const char *name)
{
    Kith__DropCollection m = KITH__DROP_COLLECTION__INIT;
    m.name = (char *)name;
    return kith_call(k, KITH_OP_DROP, &m.base, NULL, NULL);
}

struct kith_collection collection_of(const Kith__Collection *c)
{
    return (struct kith_collection){
        .name = c->name,
        .dim = c->dim,
        .metric = (enum kith_metric)c->metric,
        .durability = (enum kith_durability)c->durability,
        .slots = c->slots,
        .index = {.m = c->m,
                  .ef_construct = c->ef_construct,
                  .code = (enum kith_code_kind)c->code,
                  .code_bits = c->code_bits,
                  .refine = (enum kith_refine)c->refine,
                  .refine_k = c->refine_k,
                  .links = (enum kith_links)c->links,
                  .kind = c->index},
        .damage = c->damage,
        .schema_version = c->schema_version,
    };
}

int kith_list(struct kith *k, const struct kith_collection **ret, size_t *ret_count)
{
    Kith__ListCollections m = KITH__LIST_COLLECTIONS__INIT;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_LIST, &m.base, &kith__collection_list__descriptor, &reply);
    if (rc < 0)
        return rc;
    const Kith__CollectionList *list = (const Kith__CollectionList *)reply;
    struct kith_collection *to = reply_arena_alloc(&k->arena, list->n_collections * sizeof(*to));
    if (!to)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu collections", list->n_collections);
    for (size_t i = 0; i < list->n_collections; i++)
        to[i] = collection_of(list->collections[i]);
    *ret = to;
    *ret_count = list->n_collections;
    return 0;
}

int kith_count(struct kith *k, const char *name, uint64_t *ret)
{
    Kith__Count m = KITH__COUNT__INIT;
    m.collection = (char *)name;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_COUNT, &m.base, &kith__counted__descriptor, &reply);
    if (rc == 0)
        *ret = ((const Kith__Counted *)reply)->count;
    return rc;
}

int kith_upsert(struct kith *k, const char *collection, const struct kith_points *points)
{
    int64_t id;
    struct frame f;
    struct request r;
    struct attempt a = {0};
    int rc;
    do {
        rc = begin(k);
        if (rc == 0)
            rc = send_upsert(k, collection, points, true, &id);
        if (rc == 0)
            rc = await(k, id, -1, &f, &r);
    } while (again(k, rc, &a));
    return rc;
}

int kith_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, uint64_t *ret_deleted)
{
    int64_t id;
    struct frame f;
    struct request r;
    ProtobufCMessage *reply;
    struct attempt a = {0};
    int rc;
    do {
        rc = begin(k);
        if (rc == 0)
            rc = send_delete(k, collection, ids, count, true, &id);
        if (rc == 0)
            rc = await(k, id, -1, &f, &r);
    } while (again(k, rc, &a));
    if (rc == 0)
        rc = reply_unpack(k, &f, &kith__deleted__descriptor, &reply);
    if (rc == 0 && ret_deleted)
        *ret_deleted = ((const Kith__Deleted *)reply)->count;
    return rc;
}

int kith_get(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool with_vectors,
             bool with_payloads, uint32_t dim, struct kith_result *ret)
{
    int64_t id;
    struct frame f;
    struct request r;
    struct attempt a = {0};
    int rc;
    do {
        rc = begin(k);
        if (rc == 0)
            rc = send_get(k, collection, ids, count, with_vectors, with_payloads, dim, &id);
        if (rc == 0)
            rc = await(k, id, -1, &f, &r);
    } while (again(k, rc, &a));
    return rc == 0 ? reply_points(k, &f, &r, ret) : rc;
}

int kith_search(struct kith *k, const struct kith_search *s, struct kith_result *ret)
{
    int64_t id;
    struct frame f;
    struct request r;
    struct attempt a = {0};
    int rc;
    do {
        rc = begin(k);
        if (rc == 0)
            rc = send_search(k, s, true, &id);
        if (rc == 0)
            rc = await(k, id, -1, &f, &r);
    } while (again(k, rc, &a));
    return rc == 0 ? reply_points(k, &f, &r, ret) : rc;
}
