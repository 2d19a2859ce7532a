/* admission.c -- lanes, and the queue before each.
 *
 * A lane lets in little more than keeps the core busy. So requests wait here, in an order and
 * for a bounded time, and not among the running fibers, where each waiting request slows down
 * all others. Requests that hold the core for long run few at a time. They delay only each
 * other, because fibers share the core by slices. */
#include "actors/admission/admission.h"
#include "actors/admission/admission_lane.h"
#include "actors/core.h"
#include "reactor/timer.h"

#include <errno.h>
#include <inttypes.h>

/* A request that needs less memory than this does not wait for it, */
#define LARGE_BYTES ((uint64_t)64 << 10)
/* unless the small requests of its connection hold this much. Then small answers that the client
 * does not read pile up. */
#define SMALL_BYTES_MAX ((uint64_t)256 << 10)
/* Where the requests of the core have little memory, both bounds are these parts
 * (1/64 and 1/16) of it. */
#define LARGE_SHARE      64
#define SMALL_SHARE      16
#define SHORT_NS         ((uint64_t)2000000) /* a longer search goes to the lane of batches */
#define CONNECTION_SHARE 4                   /* a connection may hold a quarter of the memory */
#define RETRY_MS_MAX     60000
#define RETRY_MEMORY_MS  1000 /* when clients read their answers cannot be estimated */

const uint32_t admission_wait_bounds_ms[ADMISSION_WAITS - 1] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};

/* How much of a class may run at once: always `least` requests, and up to `most`
 * while their work is at most work_ns. Loads mostly wait for the disk, and more of
 * them at once share a flush. */
static const struct lane_limits {
    uint32_t least, most, waiting_max;
    uint64_t work_ns;
    bool timed; /* the setting admission.queue_ms bounds the wait */
    const char *name;
} limits[ADMISSION_CLASSES] = {
    [ADMIT_SEARCH] = {16, 256, 4096, 4000000, true, "searches"},
    [ADMIT_BATCH] = {2, 2, 1024, 0, true, "large searches"},
    [ADMIT_LOAD] = {1024, 1024, 8192, 0, false, "writes and large fetches"},
    [ADMIT_BACKGROUND] = {8, 8, 256, 0, false, "maintenance requests"},
};

uint64_t admission_queue_ns(const struct core *c)
{
    return c->settings.admission_queue_ms * 1000000;
}

void admission_init(struct admission *a, uint64_t bytes_max, struct admission_counts *counts)
{
    *a = (struct admission){.bytes_max = bytes_max, .counts = counts};
}

/* -- room -- */

static bool lane_has_room(const struct admission *a, enum admission_class cls, uint64_t work_ns)
{
    const struct admission_lane *l = &a->lanes[cls];
    return l->running < limits[cls].least ||
           (l->running < limits[cls].most && l->running_ns + work_ns <= limits[cls].work_ns);
}

static uint64_t at_most(uint64_t bytes, uint64_t most)
{
    return bytes < most ? bytes : most;
}

/* Whether rq has to wait for memory when it needs so many bytes more. */
static bool needs_room(const struct request *rq, uint64_t bytes)
{
    const uint64_t all = rq->core->admission.bytes_max;
    return bytes >= at_most(LARGE_BYTES, all / LARGE_SHARE) ||
           (rq->session && rq->session->small_bytes + bytes > at_most(SMALL_BYTES_MAX, all / SMALL_SHARE));
}

/* The only request with memory always has room, however much it needs. */
static bool memory_has_room(const struct admission *a, uint64_t bytes)
{
    return a->bytes == 0 || a->bytes + a->small_bytes + bytes <= a->bytes_max;
}

static bool share_has_room(const struct admission *a, const struct admission_flow *f, uint64_t bytes)
{
    return f->bytes == 0 || f->bytes + bytes <= a->bytes_max / CONNECTION_SHARE;
}

static void hold_bytes(struct request *rq, uint64_t bytes)
{
    struct admission_ticket *t = &rq->ticket;
    rq->bytes += bytes;
    if (rq->session)
        rq->session->bytes += bytes;
    if (t->bytes == 0 && !needs_room(rq, bytes)) {
        t->small_bytes += bytes;
        rq->core->admission.small_bytes += bytes;
        if (rq->session)
            rq->session->small_bytes += bytes;
        return;
    }
    t->bytes += bytes;
    t->flow->bytes += bytes;
    rq->core->admission.bytes += bytes;
}

static void admit(struct request *rq, enum admission_class cls, struct admission_flow *f, uint64_t work_ns,
                  uint64_t bytes)
{
    struct admission *a = &rq->core->admission;
    a->lanes[cls].running++;
    a->lanes[cls].running_ns += work_ns;
    a->counts[cls].admitted++;
    /* a request that enters again keeps its memory */
    const struct admission_ticket before = rq->ticket;
    if (before.flow) {
        before.flow->bytes -= before.bytes;
        f->bytes += before.bytes;
    }
    rq->ticket = (struct admission_ticket){.flow = f,
                                           .cls = cls,
                                           .running = true,
                                           .work_ns = work_ns,
                                           .bytes = before.bytes,
                                           .small_bytes = before.small_bytes};
    hold_bytes(rq, bytes);
}

/* Lets a request run its next piece. It has kept its memory. */
static void readmit(const struct admission_wait *w)
{
    struct admission_lane *l = &w->rq->core->admission.lanes[w->cls];
    l->running++;
    l->running_ns += w->work_ns;
    w->rq->ticket.running = true;
    w->rq->ticket.work_ns = w->work_ns;
}

/* -- the queue -- */

static void join_queue(struct admission *a, struct admission_wait *w)
{
    lane_push(&a->lanes[w->cls], w);
    a->waiting++;
    a->counts[w->cls].queued++;
    a->counts[w->cls].waiting++;
}

static void leave_queue(struct admission *a, struct admission_wait *w, bool served)
{
    lane_remove(&a->lanes[w->cls], w, served);
    a->waiting--;
    a->counts[w->cls].waiting--;
}

static void settle(struct admission *a, struct admission_wait *w, int rc)
{
    leave_queue(a, w, rc == 0);
    w->rc = rc;
    w->settled = true;
    w->rq->ticket.wait = NULL;
    fiber_wake(w->fiber);
}

/* Returns the first request that may run. *starved: memory is missing, and is
 * kept free for this lane. */
static struct admission_wait *lane_next(const struct admission *a, enum admission_class cls, bool *starved)
{
    for (const struct admission_flow *f = a->lanes[cls].head; f; f = f->next) {
        struct admission_wait *w = f->head;
        if (!lane_has_room(a, cls, w->work_ns))
            return NULL;
        if (!needs_room(w->rq, w->bytes))
            return w;
        if (!share_has_room(a, f, w->bytes))
            continue;
        *starved |= !memory_has_room(a, w->bytes);
        if (!*starved)
            return w;
    }
    return NULL;
}

static void count_wait(struct admission_counts *c, uint64_t ns)
{
    unsigned i = 0;
    while (i < ADMISSION_WAITS - 1 && ns > admission_wait_bounds_ms[i] * (uint64_t)1000000)
        i++;
    c->waits[i]++;
    c->wait_ns += ns;
}

static void serve(struct admission *a)
{
    uint64_t now = clock_now_ns();
    bool starved = false;
    for (enum admission_class cls = 0; cls < ADMISSION_CLASSES; cls++) {
        struct admission_lane *l = &a->lanes[cls];
        struct admission_wait *w;
        while (l->waiting && (w = lane_next(a, cls, &starved))) {
            uint64_t deadline_ns = w->rq->ctx.deadline_ns;
            if (deadline_ns && now + w->work_ns >= deadline_ns) { /* the work would be wasted */
                settle(a, w, -ETIME);
                continue;
            }
            settle(a, w, 0);
            if (w->again)
                readmit(w);
            else
                admit(w->rq, cls, w->flow, w->work_ns, w->bytes);
            count_wait(&a->counts[cls], now - w->began_ns);
        }
    }
}

/* -- how long a request would wait -- */

static int refuse(struct request *rq, enum admission_class cls, enum admission_refusal why, uint64_t wait_ns,
                  uint64_t limit_ns, const char *what)
{
    struct admission *a = &rq->core->admission;
    uint64_t wait_ms = wait_ns / 1000000 + 1, retry_ms = wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX;
    a->counts[cls].refused[why]++;
    int rc;
    if (why == REFUSED_COUNT)
        rc = error_set(&rq->error, ERROR_RESOURCE_EXHAUSTED,
                       "the server is busy: %u %s wait on this core already, which is all that may; repeat the %s in "
                       "%" PRIu64 " ms",
                       a->lanes[cls].waiting, limits[cls].name, what, retry_ms);
    else
        rc = error_set(&rq->error, ERROR_RESOURCE_EXHAUSTED,
                       "the server is busy: %u %s wait on this core, about %" PRIu64
                       " ms for this client, and the %s may wait %" PRIu64 " ms; repeat it in %" PRIu64 " ms",
                       a->lanes[cls].waiting, limits[cls].name, wait_ms, what, limit_ns / 1000000, retry_ms);
    rq->error.retry_after_ms = (uint32_t)retry_ms;
    return rc;
}

/* Returns 0 if the request may join the queue. *ret_until says until when it may
 * wait; 0: without end. */
static int check_wait(struct request *rq, const struct admission_wait *w, uint64_t *ret_until, const char *what)
{
    struct admission *a = &rq->core->admission;
    const struct admission_lane *l = &a->lanes[w->cls];
    uint64_t wait_ns = lane_wait_ns(l, w->flow, w->work_ns), deadline_ns = rq->ctx.deadline_ns;
    uint64_t queue_ns = admission_queue_ns(rq->core);
    *ret_until = limits[w->cls].timed ? w->began_ns + queue_ns : 0;
    if (l->waiting >= limits[w->cls].waiting_max)
        return refuse(rq, w->cls, REFUSED_COUNT, wait_ns, 0, what);
    if (*ret_until && wait_ns > queue_ns)
        return refuse(rq, w->cls, REFUSED_WAIT, wait_ns, queue_ns, what);
    if (deadline_ns == 0)
        return 0;
    /* A quarter of the time is kept as a margin, because the wait is an estimate. An answer that
     * comes too late is wasted work when the core is busy. */
    uint64_t left_ns = deadline_ns > w->began_ns ? deadline_ns - w->began_ns : 0;
    uint64_t done_ns =
        /* its work takes turns with that of other requests */
        wait_ns + (uint64_t)((double)(w->all_ns + l->running_ns) * lane_slowness(l));
    if (done_ns > left_ns - left_ns / 4)
        return refuse(rq, w->cls, REFUSED_WAIT, wait_ns, left_ns, what);
    if (*ret_until == 0 || deadline_ns < *ret_until)
        *ret_until = deadline_ns;
    return 0;
}

static void time_is_up(void *arg)
{
    fiber_wake(arg);
}

static void wait_settled(struct admission *a, struct admission_wait *w, uint64_t until_ns)
{
    struct timer t = {0};
    if (until_ns)
        timer_start(&t, until_ns, time_is_up, w->fiber);
    while (!w->settled && (until_ns == 0 || t.slot))
        fiber_suspend();
    timer_cancel(&t);
    if (w->settled)
        return;
    w->rq->ticket.wait = NULL;
    leave_queue(a, w, false);
    w->rc = -ETIME;
}

static int enter_queue(struct request *rq, struct admission_wait *w, const char *what)
{
    struct admission *a = &rq->core->admission;
    uint64_t until_ns;
    int rc = check_wait(rq, w, &until_ns, what);
    if (rc < 0)
        return rc;
    join_queue(a, w);
    rq->ticket.wait = w;
    serve(a); /* others may wait for memory only, while this one needs none */
    wait_settled(a, w, until_ns);
    if (w->rc == 0) {
        order_hold(ORDER_ADMISSION);
        return 0;
    }
    uint64_t now = clock_now_ns();
    bool late = rq->ctx.deadline_ns && now >= rq->ctx.deadline_ns;
    if (w->rc == -ETIME && !late)
        rc = refuse(rq, w->cls, REFUSED_WAIT, lane_wait_ns(&a->lanes[w->cls], w->flow, w->work_ns), now - w->began_ns,
                    what);
    else
        rc = request_error(rq, w->rc, what);
    serve(a); /* the request may have stood before one that needs less memory */
    return rc;
}

/* -- called by requests -- */

/* Memory that the unpacked request takes beside its frame. */
static uint64_t unpacked_bytes(const struct request *rq)
{
    uint64_t used = rq->arena.used + rq->bulk.used;
    return used > rq->bytes ? used - rq->bytes : 0;
}

int admission_enter(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t bytes, const char *what)
{
    return admission_enter_pieces(rq, cls, work_ns, work_ns, bytes, what);
}

int admission_enter_pieces(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t piece_ns,
                           uint64_t bytes, const char *what)
{
    struct admission *a = &rq->core->admission;
    bytes += unpacked_bytes(rq);
    bool large = bytes >= LARGE_BYTES;
    work_ns += work_ns == 0;
    if (cls == ADMIT_SEARCH && (large || work_ns > SHORT_NS))
        cls = ADMIT_BATCH;
    const uint64_t all_ns = work_ns;
    work_ns = piece_ns && piece_ns < work_ns ? piece_ns : work_ns;
    struct admission_flow *f = rq->session ? &rq->session->flows[cls] : &a->own[cls];
    bool memory =
        !needs_room(rq, bytes) || (a->waiting == 0 && memory_has_room(a, bytes) && share_has_room(a, f, bytes));
    if (LIKELY(a->lanes[cls].waiting == 0 && lane_has_room(a, cls, work_ns) && memory)) {
        admit(rq, cls, f, work_ns, bytes);
        order_hold(ORDER_ADMISSION);
        return 0;
    }
    order_check(ORDER_ADMISSION);
    struct admission_wait w = {.rq = rq,
                               .flow = f,
                               .fiber = fiber_self(),
                               .work_ns = work_ns,
                               .all_ns = all_ns,
                               .bytes = bytes,
                               .began_ns = clock_now_ns(),
                               .cls = cls};
    return enter_queue(rq, &w, what);
}

int admission_next_piece(struct request *rq, uint64_t piece_ns, const char *what)
{
    struct admission *a = &rq->core->admission;
    struct admission_ticket *t = &rq->ticket;
    struct admission_lane *l = &a->lanes[t->cls];
    if (!t->running || l->waiting == 0)
        return 0;
    struct admission_wait w = {.rq = rq,
                               .flow = t->flow,
                               .fiber = fiber_self(),
                               .work_ns = piece_ns + (piece_ns == 0),
                               .began_ns = clock_now_ns(),
                               .cls = t->cls,
                               .again = true};
    admission_leave(rq);
    order_check(ORDER_ADMISSION);
    join_queue(a, &w);
    t->wait = &w;
    serve(a);
    wait_settled(a, &w, rq->ctx.deadline_ns);
    if (w.rc < 0)
        return request_error(rq, w.rc, what);
    order_hold(ORDER_ADMISSION);
    return 0;
}

int admission_grow(struct request *rq, uint64_t bytes, const char *what)
{
    struct admission *a = &rq->core->admission;
    if (!rq->ticket.flow)
        return 0;
    if (needs_room(rq, bytes) && !memory_has_room(a, bytes) && a->bytes > rq->ticket.bytes) {
        int rc = error_set(&rq->error, ERROR_RESOURCE_EXHAUSTED,
                           "the server is busy: answers of %" PRIu64
                           " KiB wait on this core to be read, and the %s needs %" PRIu64
                           " KiB more; repeat it in %d ms, or ask for less at once",
                           (a->bytes + a->small_bytes) >> 10, what, bytes >> 10, RETRY_MEMORY_MS);
        a->counts[rq->ticket.cls].refused[REFUSED_MEMORY]++;
        rq->error.retry_after_ms = RETRY_MEMORY_MS;
        return rc;
    }
    hold_bytes(rq, bytes);
    return 0;
}

void admission_refuse_frame(struct request *rq, enum admission_class cls, uint64_t bytes)
{
    struct admission *a = &rq->core->admission;
    uint64_t now = clock_now_ns();
    if (rq->ctx.deadline_ns && now >= rq->ctx.deadline_ns) {
        (void)request_error(rq, -ETIME, "request");
        return;
    }
    a->counts[cls].refused[REFUSED_MEMORY]++;
    (void)error_set(&rq->error, ERROR_RESOURCE_EXHAUSTED,
                    "the server is busy: large requests fill the memory that there is for them on this core, and in "
                    "%" PRIu64 " ms there was no room for %" PRIu64 " KiB; repeat it in %d ms",
                    (now - rq->started_ns) / 1000000, bytes >> 10, RETRY_MEMORY_MS);
    rq->error.retry_after_ms = RETRY_MEMORY_MS;
}

void admission_leave(struct request *rq)
{
    struct admission *a = &rq->core->admission;
    struct admission_ticket *t = &rq->ticket;
    if (!t->running)
        return;
    order_release(ORDER_ADMISSION);
    struct admission_lane *l = &a->lanes[t->cls];
    t->running = false;
    l->running--;
    l->running_ns -= t->work_ns;
    if (LIKELY(a->waiting == 0))
        return;
    if (l->waiting)
        lane_measure(l, t->work_ns);
    serve(a);
}

/* Returns the number of bytes that were released. */
static uint64_t release_bytes(struct request *rq)
{
    struct admission *a = &rq->core->admission;
    struct admission_ticket *t = &rq->ticket;
    const uint64_t bytes = t->bytes + t->small_bytes;
    if (bytes == 0)
        return 0;
    a->small_bytes -= t->small_bytes;
    if (rq->session)
        rq->session->small_bytes -= t->small_bytes;
    t->small_bytes = 0;
    t->flow->bytes -= t->bytes;
    a->bytes -= t->bytes;
    t->bytes = 0;
    return bytes;
}

void admission_work_done(struct request *rq, uint64_t bytes_left)
{
    struct admission *a = &rq->core->admission;
    admission_leave(rq);
    const uint64_t asked = release_bytes(rq);
    if (asked == 0)
        return;
    rq->bytes -= asked;
    if (rq->session)
        rq->session->bytes -= asked;
    hold_bytes(rq, bytes_left < asked ? bytes_left : asked);
    if (a->waiting)
        serve(a);
}

void admission_forget(struct request *rq)
{
    struct admission *a = &rq->core->admission;
    admission_leave(rq);
    if (release_bytes(rq) > 0 && a->waiting)
        serve(a);
}

void admission_cancelled(struct request *rq)
{
    if (rq->ticket.wait)
        settle(&rq->core->admission, rq->ticket.wait, -ECANCELED);
}
