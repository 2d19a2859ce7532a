/* The pipelined calls: start many requests, and collect the answers in the order in which they
 * arrive. The calls that start seals, compactions and snapshots are in storage.c and
 * snapshots.c. */
#include "connection.h"
#include "kith.pb-c.h"

int64_t kith_start_search(struct kith *k, const struct kith_search *s)
{
    int64_t id = 0;
    int rc = send_search(k, s, false, &id);
    return rc < 0 ? rc : id;
}

int64_t kith_start_upsert(struct kith *k, const char *collection, const struct kith_points *points)
{
    int64_t id = 0;
    int rc = send_upsert(k, collection, points, false, &id);
    return rc < 0 ? rc : id;
}

int64_t kith_start_delete(struct kith *k, const char *collection, const struct kith_id *ids, size_t count)
{
    int64_t id = 0;
    int rc = send_delete(k, collection, ids, count, false, &id);
    return rc < 0 ? rc : id;
}

int kith_cancel(struct kith *k, int64_t request)
{
    if (!request_find(k, (uint64_t)request))
        return 0; /* its answer was collected */
    int rc = connection_send(k, KITH_OP_CANCEL, (uint64_t)request, 0, NULL, NULL, 0, false);
    return rc < 0 ? rc : connection_flush(k, false);
}

int kith_flush(struct kith *k)
{
    return connection_flush(k, true);
}

static int counted(struct kith *k, const struct frame *f, uint16_t op, uint64_t *ret)
{
    ProtobufCMessage *m;
    bool upsert = op == KITH_OP_UPSERT;
    int rc = reply_unpack(k, f, upsert ? &kith__upserted__descriptor : &kith__deleted__descriptor, &m);
    if (rc == 0)
        *ret = upsert ? ((const Kith__Upserted *)m)->count : ((const Kith__Deleted *)m)->count;
    return rc;
}

int kith_next(struct kith *k, int64_t timeout_us, struct kith_reply *ret)
{
    struct frame f;
    connection_begin(k);
    /* answers that arrived before the connection broke are still returned */
    int before = k->broken;
    if (k->in_flight == 0)
        return k->broken;
    int rc = connection_receive(k, timeout_us, &f);
    if (rc <= 0)
        return rc;
    *ret = (struct kith_reply){.request = (int64_t)f.header.request_id};
    ret->code = reply_code(k, &f);
    struct request *r = request_find(k, f.header.request_id);
    if (!r || r->op != f.header.op) {
        /* request id 0: an error of the whole connection */
        if (ret->code < 0 && f.header.request_id == 0)
            return k->broken = ret->code;
        return kith_break(k, KITH_PROTOCOL, "the server answered something that was not asked");
    }
    if (ret->code == 0 && r->op == KITH_OP_SEARCH)
        ret->code = reply_points(k, &f, r, &ret->result);
    else if (ret->code == 0 && (r->op == KITH_OP_UPSERT || r->op == KITH_OP_DELETE))
        ret->code = counted(k, &f, r->op, &ret->count);
    request_remove(k, r);
    return k->broken != before ? k->broken : 1;
}
