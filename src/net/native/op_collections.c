/* op_collections.c -- the operations on whole collections. */
#include "kith.pb-c.h"
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/meta/meta_schema.h"
#include "net/native/operation.h"

#include <errno.h>

/* Field numbers in kith.proto. */
enum { COLLECTIONS_OF_LIST = 1, SEGMENTS_OF_INFO = 10 };

int op_create(struct native_request *r, const void *message)
{
    const Kith__CreateCollection *ask = message;
    struct collection_config config;
    int rc = meta_collection(r->rq, ask->collection, &config);
    if (rc == 0)
        rc = router_create(r->rq, &config);
    if (rc < 0)
        return rc;
    Kith__Collection answer;
    rc = meta_collection_init(r->rq, &answer, &config);
    return rc < 0 ? rc : exchange_answer(r, &answer.base);
}

int op_drop(struct native_request *r, const void *message)
{
    const Kith__DropCollection *ask = message;
    int rc = router_drop(r->rq, ask->name);
    if (rc < 0)
        return rc;
    const Kith__Pong answer = KITH__PONG__INIT; /* an empty message */
    return exchange_answer(r, &answer.base);
}

int op_list(struct native_request *r, const void *message)
{
    struct router_collections all;
    int rc = router_enter_list(r->rq);
    if (rc == 0)
        rc = router_list(r->rq, &all);
    if (rc < 0)
        return rc;
    Kith__CollectionList answer = KITH__COLLECTION_LIST__INIT;
    Kith__Collection *messages = arena_alloc(&r->rq->bulk, all.count * sizeof(*messages));
    if (!messages)
        return request_error(r->rq, -ENOMEM, "list");
    for (size_t i = 0; i < all.count; i++) {
        rc = meta_collection_init(r->rq, &messages[i], &all.configs[i]);
        if (rc < 0)
            return rc;
        messages[i].damage = (char *)all.damages[i];
        fiber_checkpoint();
    }
    const struct exchange_list list = {COLLECTIONS_OF_LIST, messages, sizeof(*messages), all.count};
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
    *ret = (struct exchange_list){SEGMENTS_OF_INFO, messages, sizeof(*messages), all.count};
    return rc < 0 ? request_error(r->rq, rc, "list of segments") : 0;
}

int op_info(struct native_request *r, const void *message)
{
    const Kith__GetInfo *ask = message;
    struct collection_config config;
    struct shard_info info;
    int rc = router_info(r->rq, ask->name, &config, &info);
    if (rc < 0)
        return rc;
    Kith__Collection collection;
    rc = meta_collection_init(r->rq, &collection, &config);
    if (rc < 0)
        return rc;
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
    if (router_read_only(r->rq->core, &why))
        answer.read_only = why.text;
    return exchange_answer_list(r, &answer.base, &segments);
}
