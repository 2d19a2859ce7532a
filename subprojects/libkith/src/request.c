/* Makes requests: a message and a block for each. A request that could not be sent is removed from
 * the table of those in flight. */
#include "connection.h"
#include "filter.h"
#include "kith.pb-c.h"

#include <string.h>

static int no_memory(struct kith *k)
{
    return kith_fail(k, KITH_NO_MEMORY, "no memory for the request");
}

/* Sends the frame of r; on failure removes r. */
static int request_send(struct kith *k, struct request *r, uint32_t word, const ProtobufCMessage *meta,
                        const void *block, size_t block_bytes, bool wait, int64_t *ret_id)
{
    int rc = connection_send(k, r->op, (uint64_t)r->id, word, meta, block, block_bytes, wait);
    if (rc < 0) {
        if (k->broken && k->in_flight == 1)
            connection_last_words(k);
        request_remove(k, r);
        return rc;
    }
    *ret_id = r->id;
    return 0;
}

int send_message(struct kith *k, uint16_t op, const ProtobufCMessage *meta, int64_t *ret_id)
{
    struct request *r = request_add(k, op);
    return r ? request_send(k, r, 0, meta, NULL, 0, true, ret_id) : no_memory(k);
}

static int ids_fill(struct kith *k, const struct kith_id *ids, size_t count, Kith__PointIds *ret)
{
    bool numbers = true;
    reply_arena_reset(&k->scratch);
    for (size_t i = 0; i < count && numbers; i++)
        numbers = ids[i].hi == 0;
    if (numbers) {
        ret->numbers = reply_arena_alloc(&k->scratch, count * sizeof(*ret->numbers));
        if (!ret->numbers)
            return no_memory(k);
        for (size_t i = 0; i < count; i++)
            ret->numbers[i] = ids[i].lo;
        ret->n_numbers = count;
        return 0;
    }
    uint8_t *to = reply_arena_alloc(&k->scratch, count * 16);
    if (!to)
        return no_memory(k);
    for (size_t i = 0; i < count; i++) {
        uint64_t big[2] = {__builtin_bswap64(id_upper_swap(ids[i].hi)), __builtin_bswap64(ids[i].lo)};
        memcpy(to + i * 16, big, 16);
    }
    ret->uuids = (ProtobufCBinaryData){count * 16, to};
    return 0;
}

static int payloads_fill(struct kith *k, const struct kith_points *p, Kith__Upsert *ret)
{
    if (!p->payloads)
        return 0;
    size_t all = 0;
    uint32_t *sizes = reply_arena_alloc(&k->scratch, p->count * sizeof(*sizes));
    if (!sizes)
        return no_memory(k);
    for (size_t i = 0; i < p->count; i++) {
        sizes[i] = p->payload_sizes ? p->payload_sizes[i] : p->payloads[i] ? (uint32_t)strlen(p->payloads[i]) : 0;
        all += sizes[i];
    }
    uint8_t *bytes = reply_arena_alloc(&k->scratch, all);
    if (!bytes)
        return no_memory(k);
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (sizes[i] > 0)
            memcpy(bytes + at, p->payloads[i], sizes[i]);
        at += sizes[i];
    }
    ret->payloads = (ProtobufCBinaryData){all, bytes};
    ret->payload_sizes = sizes;
    ret->n_payload_sizes = p->count;
    return 0;
}

int send_upsert(struct kith *k, const char *collection, const struct kith_points *points, bool wait, int64_t *ret_id)
{
    if (points->count == 0 || points->dim == 0)
        return kith_fail(k, KITH_INVALID_ARGUMENT, "an upsert needs points of one dimension or more");
    Kith__PointIds ids = KITH__POINT_IDS__INIT;
    Kith__Upsert m = KITH__UPSERT__INIT;
    m.collection = (char *)collection;
    m.ids = &ids;
    m.first_row = points->first_row;
    int rc = ids_fill(k, points->ids, points->count, &ids);
    if (rc == 0)
        rc = payloads_fill(k, points, &m);
    if (rc < 0)
        return rc;
    struct request *r = request_add(k, KITH_OP_UPSERT);
    if (!r)
        return no_memory(k);
    r->ids = points->count;
    return request_send(k, r, 0, &m.base, points->vectors, points->count * points->dim * sizeof(float), wait, ret_id);
}

int send_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool wait,
                int64_t *ret_id)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    Kith__Delete m = KITH__DELETE__INIT;
    m.collection = (char *)collection;
    m.ids = &list;
    int rc = ids_fill(k, ids, count, &list);
    if (rc < 0)
        return rc;
    struct request *r = request_add(k, KITH_OP_DELETE);
    return r ? request_send(k, r, 0, &m.base, NULL, 0, wait, ret_id) : no_memory(k);
}

int send_get(struct kith *k, const char *collection, const struct kith_id *ids, size_t count, bool with_vectors,
             bool with_payloads, uint32_t dim, int64_t *ret_id)
{
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    Kith__Get m = KITH__GET__INIT;
    m.collection = (char *)collection;
    m.ids = &list;
    m.with_vectors = with_vectors;
    m.with_payloads = with_payloads;
    int rc = ids_fill(k, ids, count, &list);
    if (rc < 0)
        return rc;
    struct request *r = request_add(k, KITH_OP_GET);
    if (!r)
        return no_memory(k);
    r->with_vectors = with_vectors;
    r->with_payloads = with_payloads;
    r->dim = dim;
    r->ids = count;
    return request_send(k, r, 0, &m.base, NULL, 0, true, ret_id);
}

int send_search(struct kith *k, const struct kith_search *s, bool wait, int64_t *ret_id)
{
    if (s->count == 0 || s->dim == 0 || s->k == 0)
        return kith_fail(k, KITH_INVALID_ARGUMENT, "a search needs a query, a dimension and a k of 1 or more");
    Kith__Search m = KITH__SEARCH__INIT;
    m.collection = (char *)s->collection;
    m.k = s->k;
    m.ef = s->ef;
    m.recall = s->recall;
    m.exact = s->exact;
    m.with_vectors = s->with_vectors;
    m.with_payloads = s->with_payloads;
    m.refine_k = s->refine_k;
    m.fan_out = (Kith__FanOut)s->fan_out;
    m.dim = s->dim;
    m.first_query = s->first_query;
    if (s->filter_count && !(m.filter = filter_message(k, s->filter, s->filter_count)))
        return no_memory(k);
    struct request *r = request_add(k, KITH_OP_SEARCH);
    if (!r)
        return no_memory(k);
    r->with_vectors = s->with_vectors;
    r->with_payloads = s->with_payloads;
    r->dim = s->dim;
    r->queries = s->count;
    return request_send(k, r, s->deadline_ms, &m.base, s->queries, s->count * s->dim * sizeof(float), wait, ret_id);
}
