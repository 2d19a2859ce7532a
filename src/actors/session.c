/* session.c -- a list of requests, two counters and an event. Cancelling walks the list, which
 * is short; cancelling is rare. */
#include "actors/session.h"
#include "actors/core.h"

#include <errno.h>

#define PLACE_BYTES ((uint64_t)64 << 10) /* assumed memory of a request that has a place */
/* a frame of more than this part (1/16) of the pool for frames is a large one */
#define SMALL_SHARE 16

void session_init(struct session *s, struct core *c)
{
    *s = (struct session){.core = c};
}

static bool has_room(const struct session *s, uint64_t bytes)
{
    return s->count == 0 || (s->count < SESSION_REQUESTS_MAX && s->bytes + bytes <= SESSION_BYTES_MAX);
}

/* -- places -- */

static void waiting_remove(struct session_places *p, struct session *s)
{
    *(s->prev_waiting ? &s->prev_waiting->next_waiting : &p->head) = s->next_waiting;
    *(s->next_waiting ? &s->next_waiting->prev_waiting : &p->tail) = s->prev_waiting;
    s->next_waiting = s->prev_waiting = NULL;
    s->waits = false;
}

static void waiting_add(struct session_places *p, struct session *s)
{
    s->prev_waiting = p->tail;
    *(p->tail ? &p->tail->next_waiting : &p->head) = s;
    p->tail = s;
    s->waits = true;
}

/* Gives free places to the sessions that have waited longest. */
static void places_give(struct session_places *p)
{
    while (p->left > 0 && p->head) {
        struct session *s = p->head;
        waiting_remove(p, s);
        p->left--;
        s->has_place = true;
        event_notify_all(&s->changed);
    }
}

static void place_back(struct session_places *p, bool had_one)
{
    p->left += had_one;
    places_give(p);
}

void session_places_resize(struct session_places *p, uint64_t bytes)
{
    const uint64_t fit = bytes / PLACE_BYTES;
    const uint32_t most = fit < SESSION_PLACES_MIN   ? SESSION_PLACES_MIN
                          : fit > SESSION_PLACES_MAX ? SESSION_PLACES_MAX
                                                     : (uint32_t)fit;
    p->left += (int64_t)most - p->most;
    p->most = most;
    places_give(p);
}

/* Takes a place for the next request of s. Waits for one only while s has other requests; an
 * only request goes on without a place. */
static void wait_for_place(struct session *s)
{
    struct session_places *p = &s->core->places;
    if (p->left > 0 && !p->head) {
        p->left--;
        s->has_place = true;
    }
    while (!s->has_place && s->count > 0) {
        if (!s->waits)
            waiting_add(p, s);
        event_wait(&s->changed);
    }
    if (s->waits)
        waiting_remove(p, s);
}

/* -- frames -- */

/* Loads wait as long as their deadline allows, and their bytes wait in the network. Other
 * requests wait no longer than the admission's queue. */
static void wait_for_frame(struct request *rq, enum admission_class cls, uint64_t bytes)
{
    struct core *c = rq->core;
    uint64_t until_ns = rq->ctx.deadline_ns, patience_ns = rq->started_ns + admission_queue_ns(c);
    if (bytes <= SESSION_SMALL)
        return;
    if (cls < ADMIT_LOAD && (until_ns == 0 || until_ns > patience_ns))
        until_ns = patience_ns;
    const bool large = bytes > byte_pool_most(&c->frames, BYTES_URGENT) / SMALL_SHARE;
    const enum byte_rank rank = cls < ADMIT_LOAD ? BYTES_URGENT : large ? BYTES_LARGE : BYTES_SMALL;
    if (byte_pool_begin(&c->frames, &rq->frame, rank, bytes, until_ns) < 0)
        admission_refuse_frame(rq, cls, bytes);
}

int session_frame_grow(struct request *rq, uint64_t bytes)
{
    struct core *c = rq->core;
    const bool urgent = rq->frame.rank == BYTES_URGENT;
    uint64_t until_ns = rq->ctx.deadline_ns, patience_ns = clock_now_ns() + admission_queue_ns(c);
    if (rq->frame.held == rq->frame.total)
        return 0;
    if (urgent && (until_ns == 0 || until_ns > patience_ns))
        until_ns = patience_ns;
    int rc = byte_pool_grow(&c->frames, &rq->frame, bytes, until_ns);
    if (rc < 0)
        admission_refuse_frame(rq, urgent ? ADMIT_SEARCH : ADMIT_LOAD, bytes);
    return rc;
}

bool session_frame_too_slow(struct request *rq)
{
    return rq->frame.total > 0 && byte_pool_too_slow(&rq->core->frames, &rq->frame, clock_now_ns());
}

void session_frame_drop(struct request *rq)
{
    request_free(rq, &rq->bulk);
    byte_pool_end(&rq->core->frames, &rq->frame);
}

void session_keep_answer(struct request *rq)
{
    /* a small frame lies in rq->arena, and stays counted */
    const bool small = rq->frame.total == 0;
    const uint64_t frame = small ? rq->bytes - rq->ticket.bytes - rq->ticket.small_bytes : 0;
    session_frame_drop(rq);
    const uint64_t used = rq->arena.used + rq->answer.used;
    admission_work_done(rq, used > frame ? used - frame : 0);
}

struct request *session_begin(struct session *s, uint64_t request_id, uint32_t deadline_ms, enum admission_class cls,
                              uint64_t bytes)
{
    order_check(ORDERS - 1); /* a reader that waits here has begun no request and holds nothing */
    while (!has_room(s, bytes))
        event_wait(&s->changed);
    wait_for_place(s);
    struct request *rq = request_acquire(s->core, deadline_ms);
    const bool has_place = s->has_place;
    s->has_place = false;
    if (!rq) {
        place_back(&s->core->places, has_place);
        return NULL;
    }
    rq->has_place = has_place;
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
    request_free(rq, &rq->bulk);
    request_free(rq, &rq->answer);
    if (rq->prev)
        rq->prev->next = rq->next;
    else
        s->requests = rq->next;
    if (rq->next)
        rq->next->prev = rq->prev;
    s->count--;
    s->bytes -= rq->bytes;
    admission_forget(rq);
    byte_pool_end(&s->core->frames, &rq->frame);
    const bool had_place = rq->has_place;
    request_release(rq);
    event_notify_all(&s->changed);
    place_back(&s->core->places, had_place);
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
