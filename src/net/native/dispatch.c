/* dispatch.c -- handles every request by its row of the table: unpacks it, checks the right, calls
 * its function, counts it. */
#include "net/native/exchange.h"
#include "net/native/operation.h"

#include <errno.h>

static int unpack(struct native_request *r, const struct operation *op, const void **ret)
{
    if (op->message)
        return exchange_take(r, op->message, ret);
    struct meta_points_ask *ask = arena_alloc(&r->rq->arena, sizeof(*ask));
    *ret = ask;
    return ask ? meta_points_read(r->rq, op->points, r->meta, r->header.meta_bytes, ask) : -ENOMEM;
}

/* The only place that checks the right of a request. */
static int check_right(struct native_request *r, const struct operation *op, const void *ask)
{
    const char *collection = NULL;
    if (op->collection != OPERATION_WHOLE)
        collection = *(const char *const *)((const char *)ask + op->collection);
    return principal_check(r->principal, op->right, op->name, collection, &r->rq->error);
}

static int run(struct native_request *r, const struct operation *op)
{
    const void *ask = NULL;
    r->native->core->metrics.requests[r->header.op]++;
    int rc = context_check(&r->rq->ctx);
    if (rc == 0)
        rc = unpack(r, op, &ask);
    if (rc == 0)
        rc = check_right(r, op, ask);
    return rc == 0 ? op->answer(r, ask) : rc;
}

void dispatch(struct native_request *r)
{
    struct request *rq = r->rq;
    const struct operation *op = operation_find(r->header.op);
    int rc = op && op->answer ? run(r, op)
                              : error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                                          "operation %u is not known to this server (kithd %s); use a newer server",
                                          r->header.op, server_version());
    if (rc < 0 && rq->error.code == ERROR_OK)
        (void)request_error(rq, rc, "request");
    if (rc < 0)
        native_reply_error(r, &rq->error);
    /* a block lies in the memory of the request's intermediate results, which must stay */
    if (!r->reply.block)
        session_keep_answer(rq);
}
