/* request.c -- the pool of requests, and the sentences for common failures. */
#include "actors/core.h"
#include "base/text/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define POOL_KEPT 4 /* requests that an idle core keeps */
/* a larger arena gives its memory back after the request */
#define ARENA_KEPT_MAX ((size_t)64 << 10)
#define BYTES_MAX      ((size_t)1 << 30) /* of each arena of one request */

struct request *request_acquire(struct core *c, uint32_t deadline_ms)
{
    struct request *rq = c->requests.free;
    if (rq) {
        c->requests.free = rq->next;
        c->requests.count--;
        c->requests.unused = c->requests.count < c->requests.unused ? c->requests.count : c->requests.unused;
    } else {
        rq = calloc(1, sizeof(*rq));
        if (!rq)
            return NULL;
    }
    rq->arena.limit = c->request_bytes < BYTES_MAX ? (size_t)c->request_bytes : BYTES_MAX;
    rq->bulk.limit = rq->answer.limit = rq->arena.limit;
    rq->core = c;
    rq->session = NULL;
    rq->next = rq->prev = NULL;
    rq->bytes = 0;
    rq->frame = (struct byte_claim){0};
    rq->ticket = (struct admission_ticket){0};
    rq->started_ns = clock_now_ns();
    rq->ctx.deadline_ns = deadline_ms ? rq->started_ns + (uint64_t)deadline_ms * 1000000 : 0;
    atomic_store_explicit(&rq->ctx.cancelled, false, memory_order_relaxed);
    rq->error.code = ERROR_OK;
    rq->error.retry_after_ms = 0;
    rq->error.text[0] = 0;
    return rq;
}

void request_free(struct request *rq, struct arena *a)
{
    if (rq->core->budget.pressure > 0)
        arena_discard(a, fiber_pause);
    else
        arena_fini_slowly(a, fiber_pause);
}

void request_release(struct request *rq)
{
    struct core *c = rq->core;
    request_free(rq, &rq->bulk);
    request_free(rq, &rq->answer);
    if (c->requests.count >= c->requests.most) {
        arena_fini(&rq->arena);
        free(rq);
        return;
    }
    if (rq->arena.used > ARENA_KEPT_MAX)
        arena_fini(&rq->arena);
    else
        arena_reset(&rq->arena);
    rq->next = c->requests.free;
    c->requests.free = rq;
    c->requests.count++;
}

uint64_t request_bytes(const struct request *rq)
{
    const uint64_t taken = sizeof(*rq) + arena_bytes(&rq->arena) + arena_bytes(&rq->bulk) + arena_bytes(&rq->answer);
    /* the part of the frame that has not arrived: allocated pages that were never touched */
    const uint64_t to_come = rq->frame.total - rq->frame.held;
    return taken > to_come ? taken - to_come : 0;
}

static void pool_free(struct request_pool *p, uint32_t left)
{
    while (p->count > left) {
        struct request *rq = p->free;
        p->free = rq->next;
        p->count--;
        arena_fini(&rq->arena);
        free(rq);
    }
}

void request_pool_trim(struct request_pool *p)
{
    const uint32_t unused = p->unused > POOL_KEPT ? p->unused - POOL_KEPT : 0;
    pool_free(p, p->count > unused ? p->count - unused : 0);
    p->unused = p->count;
}

void request_pool_fini(struct request_pool *p)
{
    pool_free(p, 0);
}

int request_error(struct request *rq, int rc, const char *what)
{
    struct error *e = &rq->error;
    switch (rc) {
    case -ETIME:
        return error_set(e, ERROR_DEADLINE_EXCEEDED, "the deadline of %llu ms passed before the %s was done",
                         (unsigned long long)((rq->ctx.deadline_ns - rq->started_ns) / 1000000), what);
    case -ECANCELED: return error_set(e, ERROR_CANCELLED, "the %s was cancelled by its client", what);
    case -ENOMEM:
        return error_set(e, ERROR_RESOURCE_EXHAUSTED,
                         "there is not enough memory for the %s; ask for less at once, or give kithd more --memory",
                         what);
    case -ENOSPC:
        return error_set(e, ERROR_RESOURCE_EXHAUSTED,
                         "the disk is full: the %s was not acknowledged; free space and repeat it", what);
    case -ENOENT: return error_set(e, ERROR_NOT_FOUND, "the collection was dropped during the %s", what);
    case -ESHUTDOWN: return error_set(e, ERROR_UNAVAILABLE, "the server is stopping; repeat the %s later", what);
    default: return error_set_errno(e, rc, "the %s failed", what);
    }
}

int request_error_memory(struct request *rq, uint64_t count, const char *noun, const char *what, const char *remedy)
{
    const uint64_t limit = rq->bulk.limit;
    const uint64_t most = rq->bytes > limit ? (uint64_t)((double)count * (double)limit / (double)rq->bytes) : 0;
    char needed[SIZE_TEXT_MAX], allowed[SIZE_TEXT_MAX];
    if (rq->bytes <= limit) /* the heap has no memory */
        return request_error(rq, -ENOMEM, what);
    if (most == 0)
        return error_set(
            &rq->error, ERROR_TOO_LARGE,
            "the %s needs %s for each of its %s, and one request may have %s here: %sgive kithd more --memory", what,
            size_format(rq->bytes / (count ? count : 1), needed), noun, size_format(limit, allowed), remedy);
    return error_set(&rq->error, ERROR_TOO_LARGE,
                     "the %s needs %s, and one request may have %s here: send at most %" PRIu64
                     " %s at once, or give kithd more --memory",
                     what, size_format(rq->bytes, needed), size_format(limit, allowed), most, noun);
}
