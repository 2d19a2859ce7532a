/* op_points.c -- the operations on points: each converts its message into the query or the write of
 * the router. */
#include "kith.pb-c.h"
#include "net/native/exchange.h"
#include "net/native/meta/answer_points.h"
#include "net/native/meta/meta_filter.h"
#include "net/native/operation.h"

static_assert(KITH_DIM_MAX == DIM_MAX && KITH_K_MAX == QUERY_K_MAX && KITH_EF_MAX == QUERY_EF_MAX,
              "the limits in the protocol's header equal those of the server");

int op_upsert(struct native_request *r, const void *message)
{
    const struct meta_points_ask *ask = message;
    uint64_t count;
    const struct write_vectors vectors = {.data = (const float *)r->block, .bytes = r->header.block_bytes};
    const struct write upsert = {
        .kind = WRITE_UPSERT,
        .collection = ask->collection,
        .ids = ask->ids,
        .count = ask->count,
        .first_row = ask->first_row,
        .vectors = &vectors,
        .vector_count = 1,
        .payloads = ask->payloads,
    };
    int rc = router_write(r->rq, &upsert, &count);
    if (rc < 0)
        return rc;
    Kith__Upserted answer = KITH__UPSERTED__INIT;
    answer.count = count;
    return exchange_answer(r, &answer.base);
}

int op_delete(struct native_request *r, const void *message)
{
    const struct meta_points_ask *ask = message;
    uint64_t deleted = 0;
    const struct write which = {
        .kind = WRITE_DELETE, .collection = ask->collection, .ids = ask->ids, .count = ask->count};
    int rc = router_write(r->rq, &which, &deleted);
    if (rc < 0)
        return rc;
    Kith__Deleted answer = KITH__DELETED__INIT;
    answer.count = deleted;
    return exchange_answer(r, &answer.base);
}

int op_get(struct native_request *r, const void *message)
{
    const struct meta_points_ask *ask = message;
    struct answer points;
    const struct fetch which = {
        .collection = ask->collection, .ids = ask->ids, .count = ask->count, .select = ask->select};
    int rc = router_get(r->rq, &which, &points);
    return rc < 0 ? rc : answer_points(r, &points);
}

int op_count(struct native_request *r, const void *message)
{
    const Kith__Count *ask = message;
    struct collection_config config;
    struct shard_info info;
    int rc = router_info(r->rq, ask->collection, &config, &info);
    if (rc < 0)
        return rc;
    Kith__Counted answer = KITH__COUNTED__INIT;
    answer.count = info.points;
    return exchange_answer(r, &answer.base);
}

int op_search(struct native_request *r, const void *message)
{
    const Kith__Search *ask = message;
    const struct filter *filter;
    int rc = meta_filter(r->rq, ask->filter, &filter);
    if (rc < 0)
        return rc;
    const struct query query = {
        .collection = ask->collection,
        .targets = {(const float *)r->block, r->header.block_bytes, ask->dim, ask->first_query},
        .k = ask->k,
        .effort = {.exact = ask->exact, .ef = ask->ef, .recall = ask->recall, .refine_k = ask->refine_k},
        .fan_out = (enum fan_out)ask->fan_out,
        .filter = filter,
        .select = {.vectors = ask->with_vectors, .payloads = ask->with_payloads},
    };
    struct answer points;
    rc = router_search(r->rq, &query, &points);
    return rc < 0 ? rc : answer_points(r, &points);
}
