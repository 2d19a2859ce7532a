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

/* Loads are patient, and so are their clients: what is sent too fast waits in the network. */
static void wait_for_frame(struct request *rq, enum admission_class cls, uint64_t bytes)
{
    struct core *c = rq->core;
    uint64_t until_ns = rq->ctx.deadline_ns, patience_ns = rq->started_ns + admission_queue_ns(c);
    if (bytes <= SESSION_LARGE)
        return;
    if (cls < ADMIT_LOAD && (until_ns == 0 || until_ns > patience_ns))
        until_ns = patience_ns;
    bytes = bytes < c->request_bytes ? bytes : c->request_bytes;
    unsigned rank = cls < ADMIT_LOAD ? 0 : cls == ADMIT_LOAD ? 1 : 2;
    if (byte_pool_acquire(&c->frames, rank, bytes, until_ns) == 0)
        rq->frame_bytes = bytes;
    else
        admission_refuse_frame(rq, cls, bytes);
}

struct request *session_begin(struct session *s, uint64_t request_id, uint32_t deadline_ms, enum admission_class cls,
                              uint64_t bytes)
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
    wait_for_frame(rq, cls, bytes);
    return rq;
}

void session_end(struct request *rq)
{
    struct session *s = rq->session;
    arena_fini_slowly(&rq->bulk, fiber_pause);
    if (rq->prev)
        rq->prev->next = rq->next;
    else
        s->requests = rq->next;
    if (rq->next)
        rq->next->prev = rq->prev;
    s->count--;
    s->bytes -= rq->bytes;
    admission_forget(rq);
    if (rq->frame_bytes)
        byte_pool_release(&s->core->frames, rq->frame_bytes);
    request_release(rq);
    event_notify_all(&s->changed);
}

static void cancel(struct request *rq)
{
    context_cancel(&rq->ctx);
    admission_cancelled(rq);
}

void session_cancel(struct session *s, uint64_t request_id)
{
    for (struct request *rq = s->requests; rq; rq = rq->next)
        if (rq->id == request_id)
            cancel(rq);
}

void session_cancel_all(struct session *s)
{
    s->gone = true;
    for (struct request *rq = s->requests; rq; rq = rq->next)
        cancel(rq);
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
