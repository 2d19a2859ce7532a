#include "actors/budget.h"
#include "actors/server.h"

static uint64_t pooled_requests(const struct request_pool *p)
{
    uint64_t bytes = 0;
    for (const struct request *rq = p->free; rq; rq = rq->next)
        bytes += request_bytes(rq);
    return bytes;
}

void budget_use_read(const struct core *c, struct memory_use *ret)
{
    struct reactor_stats stats;
    *ret = (struct memory_use){0};
    reactor_stats_read(&stats);
    ret->bytes[MEMORY_FIBERS] = stats.stack_bytes;
    ret->bytes[MEMORY_REQUESTS] = pooled_requests(&c->requests);
    if (c->front && c->server->options.front->memory)
        ret->bytes[MEMORY_REQUESTS] += c->server->options.front->memory(c);
    if (c->store)
        store_memory_read(c->store, ret);
}
