/* session.c -- a list, two counters and an event. Cancelling walks the list: it is short and cancelling is rare. */
#include "actors/session.h"
#include "actors/core.h"

#include <errno.h>

void session_init(struct session *s, struct core *c)
{
    *s = (struct session){.core = c};
}

static bool has_room(const struct session *s, uint64_t bytes)
{
    return s->count == 0 || (s->count < SESSION_REQUESTS_MAX && s->bytes + bytes <= SESSION_BYTES_MAX);
}

static uint64_t large_share(const struct request *rq)
{
    uint64_t all = LARGE_BYTES_MIN;
    return rq->bytes <= SESSION_LARGE ? 0 : rq->bytes < all ? rq->bytes : all;
}

struct request *session_begin(struct session *s, uint64_t request_id, uint32_t deadline_ms, uint64_t bytes)
{
    while (!has_room(s, bytes))
        event_wait(&s->changed);
    struct request *rq = request_acquire(s->core, deadline_ms);
    if (!rq)
        return NULL;
    rq->session = s;
    rq->id = request_id;
    rq->bytes = bytes;
    rq->next = s->requests;
    if (rq->next)
        rq->next->prev = rq;
    s->requests = rq;
    s->count++;
    s->bytes += bytes;
    rq->large = large_share(rq);
    if (rq->large)
        semaphore_acquire(&s->core->large_bytes, rq->large);
    return rq;
}

void session_end(struct request *rq)
{
    struct session *s = rq->session;
    if (rq->prev)
        rq->prev->next = rq->next;
    else
        s->requests = rq->next;
    if (rq->next)
        rq->next->prev = rq->prev;
    s->count--;
    s->bytes -= rq->bytes;
    if (rq->large)
        semaphore_release(&s->core->large_bytes, rq->large);
    request_release(rq);
    event_notify_all(&s->changed);
}

void session_cancel(struct session *s, uint64_t request_id)
{
    for (struct request *rq = s->requests; rq; rq = rq->next)
        if (rq->id == request_id)
            context_cancel(&rq->ctx);
}

void session_cancel_all(struct session *s)
{
    s->gone = true;
    for (struct request *rq = s->requests; rq; rq = rq->next)
        context_cancel(&rq->ctx);
}

int session_wait_idle(struct session *s, uint64_t deadline_ns)
{
    while (s->count > 0) {
        if (deadline_ns == 0)
            event_wait(&s->changed);
        else if (event_wait_until(&s->changed, deadline_ns) < 0)
            return s->count > 0 ? -ETIME : 0;
    }
    return 0;
}
