/* dispatch.c -- one function an op: unpack, ask the router, pack. A table leads from the op to it. */
#include "actors/server.h"
#include "net/native/answer_points.h"
#include "net/native/dispatch_config.h"
#include "net/native/dispatch_snapshot.h"
#include "net/native/dispatch_stats.h"
#include "net/native/dispatch_storage.h"
#include "net/native/exchange.h"
#include "net/native/frame.h"
#include "net/native/meta.h"
#include "net/native/meta_points.h"
#include "net/native/native.h"
#include "shards/folder/read_only.h"

#include <errno.h>
#include <string.h>

/* Fields of kith.proto. */
enum { COLLECTIONS_OF_LIST = 1, SEGMENTS_OF_INFO = 10 };

/* Each returns 0 with the reply made, or a negative errno with the sentence in rq->error. */
typedef int (*op_fn)(struct native_request *r);

static int bad_meta(struct native_request *r, const char *name)
{
    return meta_refuse(r->rq, name);
}

static int op_ping(struct native_request *r)
{
    Kith__Ping *ask = meta_unpack(r->rq, &kith__ping__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "Ping");
    Kith__Pong pong = KITH__PONG__INIT;
    return exchange_answer(r, &pong.base);
}

static int op_create(struct native_request *r)
{
    Kith__CreateCollection *ask =
        meta_unpack(r->rq, &kith__create_collection__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "CreateCollection");
    struct collection_config config;
    int rc = meta_collection(r->rq, ask->collection, &config);
    if (rc == 0)
        rc = router_create(r->rq, &config);
    if (rc < 0)
        return rc;
    Kith__Collection answer;
    meta_collection_init(&answer, &config);
    return exchange_answer(r, &answer.base);
}

static int op_drop(struct native_request *r)
{
    Kith__DropCollection *ask = meta_unpack(r->rq, &kith__drop_collection__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "DropCollection");
    int rc = router_drop(r->rq, ask->name);
    if (rc < 0)
        return rc;
    Kith__Pong answer = KITH__PONG__INIT; /* an empty message */
    return exchange_answer(r, &answer.base);
}

static int op_list(struct native_request *r)
{
    Kith__ListCollections *ask = meta_unpack(r->rq, &kith__list_collections__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "ListCollections");
    struct router_collections all;
    int rc = router_enter_list(r->rq);
    if (rc == 0)
        rc = router_list(r->rq, &all);
    if (rc < 0)
        return rc;
    Kith__CollectionList answer = KITH__COLLECTION_LIST__INIT;
    Kith__Collection *messages = arena_alloc(&r->rq->bulk, all.count * sizeof *messages);
    if (!messages)
        return request_error(r->rq, -ENOMEM, "list");
    for (size_t i = 0; i < all.count; i++) {
        meta_collection_init(&messages[i], &all.configs[i]);
        messages[i].damage = (char *)all.damages[i];
        fiber_checkpoint();
    }
    const struct exchange_list list = {COLLECTIONS_OF_LIST, messages, sizeof *messages, all.count};
    return exchange_answer_list(r, &answer.base, &list);
}

static int info_segments(struct native_request *r, const char *name, struct exchange_list *ret)
{
    struct router_segments all;
    Kith__Segment *messages;
    int rc = router_segments(r->rq, name, &r->rq->bulk, &all);
    if (rc < 0)
        return rc;
    rc = meta_segments(r->rq, &all, &messages);
    *ret = (struct exchange_list){SEGMENTS_OF_INFO, messages, sizeof *messages, all.count};
    return rc < 0 ? request_error(r->rq, rc, "list of segments") : 0;
}

static int op_info(struct native_request *r)
{
    Kith__GetInfo *ask = meta_unpack(r->rq, &kith__get_info__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "GetInfo");
    struct collection_config config;
    struct shard_info info;
    int rc = router_info(r->rq, ask->name, &config, &info);
    if (rc < 0)
        return rc;
    Kith__Collection collection;
    meta_collection_init(&collection, &config);
    Kith__Info answer = KITH__INFO__INIT;
    answer.collection = &collection;
    answer.points = info.points;
    answer.growing_rows = info.growing_rows;
    answer.growing_graphed = info.growing_graphed;
    answer.sealed_segments = info.sealed_segments;
    answer.sealed_rows = info.sealed_rows;
    answer.sealed_dead_rows = info.sealed_dead_rows;
    answer.growing_dead_rows = info.growing_dead_rows;
    answer.disk_bytes = info.sealed_bytes;
    answer.memory_bytes = info.memory_bytes;
    struct exchange_list segments = {.field = SEGMENTS_OF_INFO};
    rc = ask->with_segments ? info_segments(r, ask->name, &segments) : 0;
    if (rc < 0)
        return rc;
    struct error why;
    int read_only = store_read_only(r->rq->core->store);
    if (read_only) {
        read_only_refuse(read_only, r->rq->core->server->options.data, &why);
        answer.read_only = why.text;
    }
    return exchange_answer_list(r, &answer.base, &segments);
}

static int op_upsert(struct native_request *r)
{
    struct meta_points_ask ask;
    int rc = meta_points_read(r->rq, META_UPSERT, r->meta, r->header.meta_bytes, &ask);
    if (rc < 0)
        return rc;
    uint64_t count;
    const struct write_vectors vectors = {.data = (const float *)r->block, .bytes = r->header.block_bytes};
    const struct write upsert = {
        .kind = WRITE_UPSERT,
        .collection = ask.collection,
        .ids = ask.ids,
        .count = ask.count,
        .first_row = ask.first_row,
        .vectors = &vectors,
        .vector_count = 1,
        .payloads = ask.payloads,
    };
    rc = router_write(r->rq, &upsert, &count);
    if (rc < 0)
        return rc;
    Kith__Upserted answer = KITH__UPSERTED__INIT;
    answer.count = count;
    return exchange_answer(r, &answer.base);
}

static int op_delete(struct native_request *r)
{
    struct meta_points_ask ask;
    uint64_t deleted = 0;
    int rc = meta_points_read(r->rq, META_DELETE, r->meta, r->header.meta_bytes, &ask);
    if (rc < 0)
        return rc;
    const struct write which = {.kind = WRITE_DELETE, .collection = ask.collection, .ids = ask.ids, .count = ask.count};
    rc = router_write(r->rq, &which, &deleted);
    if (rc < 0)
        return rc;
    Kith__Deleted answer = KITH__DELETED__INIT;
    answer.count = deleted;
    return exchange_answer(r, &answer.base);
}

static int op_get(struct native_request *r)
{
    struct meta_points_ask ask;
    struct router_points points;
    int rc = meta_points_read(r->rq, META_GET, r->meta, r->header.meta_bytes, &ask);
    if (rc < 0)
        return rc;
    const struct fetch which = {.collection = ask.collection, .ids = ask.ids, .count = ask.count, .select = ask.select};
    rc = router_get(r->rq, &which, &points);
    return rc < 0 ? rc : answer_points(r, &points);
}

static int op_count(struct native_request *r)
{
    Kith__Count *ask = meta_unpack(r->rq, &kith__count__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "Count");
    struct collection_config config;
    struct shard_info info;
    int rc = router_info(r->rq, ask->collection, &config, &info);
    if (rc < 0)
        return rc;
    Kith__Counted answer = KITH__COUNTED__INIT;
    answer.count = info.points;
    return exchange_answer(r, &answer.base);
}

static_assert(KITH_DIM_MAX == DIM_MAX && KITH_K_MAX == QUERY_K_MAX && KITH_EF_MAX == QUERY_EF_MAX,
              "clients know the limits");

static int op_search(struct native_request *r)
{
    Kith__Search *ask = meta_unpack(r->rq, &kith__search__descriptor, r->meta, r->header.meta_bytes);
    if (!ask)
        return bad_meta(r, "Search");
    const struct query query = {
        .collection = ask->collection,
        .targets = {(const float *)r->block, r->header.block_bytes, ask->dim, ask->first_query},
        .k = ask->k,
        .effort = {.exact = ask->exact, .ef = ask->ef, .recall = ask->recall, .refine_k = ask->refine_k},
        .fan_out = (enum fan_out)ask->fan_out,
        .select = {.vectors = ask->with_vectors, .payloads = ask->with_payloads},
    };
    struct router_points points;
    int rc = router_search(r->rq, &query, &points);
    return rc < 0 ? rc : answer_points(r, &points);
}

static int op_hello(struct native_request *r)
{
    return error_set(&r->rq->error, ERROR_INVALID_ARGUMENT, "a connection says hello once, in its first frame");
}

static const op_fn ops[] = {
    [KITH_OP_HELLO] = op_hello,
    [KITH_OP_PING] = op_ping,
    [KITH_OP_CREATE] = op_create,
    [KITH_OP_DROP] = op_drop,
    [KITH_OP_LIST] = op_list,
    [KITH_OP_INFO] = op_info,
    [KITH_OP_UPSERT] = op_upsert,
    [KITH_OP_DELETE] = op_delete,
    [KITH_OP_GET] = op_get,
    [KITH_OP_COUNT] = op_count,
    [KITH_OP_SEARCH] = op_search,
    [KITH_OP_SEAL] = op_seal,
    [KITH_OP_COMPACT] = op_compact,
    [KITH_OP_VERIFY] = op_verify,
    [KITH_OP_SNAPSHOT_CREATE] = op_snapshot_create,
    [KITH_OP_SNAPSHOT_LIST] = op_snapshot_list,
    [KITH_OP_SNAPSHOT_VERIFY] = op_snapshot_verify,
    [KITH_OP_SNAPSHOT_RESTORE] = op_snapshot_restore,
    [KITH_OP_SNAPSHOT_DELETE] = op_snapshot_delete,
    [KITH_OP_STATS] = op_stats,
    [KITH_OP_CONFIG_GET] = op_config_get,
    [KITH_OP_CONFIG_SET] = op_config_set,
};

void dispatch(struct native_request *r)
{
    struct request *rq = r->rq;
    uint16_t op = r->header.op;
    int rc;
    if (op < ARRAY_LEN(ops) && ops[op]) {
        r->native->core->metrics.requests[op]++;
        rc = context_check(&rq->ctx);
        rc = rc < 0 ? request_error(rq, rc, "request") : ops[op](r);
    } else {
        rc = error_set(&rq->error, ERROR_INVALID_ARGUMENT, "operation %u is not known to this server (kithd %s)", op,
                       server_version());
    }
    if (rc < 0 && rq->error.code == ERROR_OK)
        (void)request_error(rq, rc, "request");
    if (rc < 0)
        native_reply_error(r, &rq->error);
    if (!r->reply.block) /* which lies among what it was made of */
        session_keep_answer(rq);
}
