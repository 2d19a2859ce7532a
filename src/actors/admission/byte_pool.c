/* byte_pool.c -- a queue of the frames that wait for memory, in the order of their urgency. They
 * are served as other frames give memory back. */
#include "actors/admission/byte_pool.h"
#include "reactor/fibers/fiber.h"
#include "reactor/timer.h"

#include <errno.h>

#define STEP_BYTES ((uint64_t)1 << 20)
/* The rate that a sender must reach while others wait, in bytes a second, after a time in
 * which any rate will do. */
#define RATE_BYTES ((uint64_t)256 << 10)
#define GRACE_NS   ((uint64_t)2000000000)

void byte_pool_init(struct byte_pool *p, uint64_t bytes)
{
    *p = (struct byte_pool){.bytes = bytes};
}

uint64_t byte_pool_most(const struct byte_pool *p, enum byte_rank rank)
{
    return p->bytes - p->bytes / 8 * rank;
}

/* -- whether a frame may have more -- */

static uint64_t held_from(const struct byte_pool *p, enum byte_rank rank)
{
    uint64_t sum = 0;
    for (unsigned r = rank; r < BYTE_RANKS; r++)
        sum += p->held[r];
    return sum;
}

uint64_t byte_pool_held(const struct byte_pool *p)
{
    return held_from(p, BYTES_URGENT);
}

/* Whether all frames of this rank and of less urgent ranks can still be finished when c gets
 * `more`. A complete frame ends without more memory, so its bytes count as free. */
static bool safe_in(const struct byte_pool *p, const struct byte_claim *c, uint64_t more, enum byte_rank rank)
{
    const uint64_t most = byte_pool_most(p, rank), held = held_from(p, rank);
    if (held + more > most)
        return false;
    const bool completes = c->held + more == c->total;
    uint64_t coming = completes ? 0 : more; /* held by frames that are not complete */
    for (const struct byte_claim *x = p->oldest; x; x = x->next)
        coming += x->rank >= rank && !(x == c && completes) ? x->held : 0;
    uint64_t left = most - coming;
    for (const struct byte_claim *x = p->oldest; x; x = x->next) {
        if (x->rank < rank || (x == c ? completes : x->held == 0))
            continue;
        const uint64_t has = x->held + (x == c ? more : 0);
        if (x->total - has > left)
            return false;
        left += has;
    }
    return true;
}

static bool safe(const struct byte_pool *p, const struct byte_claim *c, uint64_t more)
{
    for (unsigned r = 0; r <= c->rank; r++)
        if (!safe_in(p, c, more, (enum byte_rank)r))
            return false;
    return true;
}

/* -- the list -- */

static void join(struct byte_pool *p, struct byte_claim *c)
{
    c->prev = p->newest;
    c->next = NULL;
    *(c->prev ? &c->prev->next : &p->oldest) = c;
    p->newest = c;
    c->joined = true;
}

static void unjoin(struct byte_pool *p, struct byte_claim *c)
{
    *(c->prev ? &c->prev->next : &p->oldest) = c->next;
    *(c->next ? &c->next->prev : &p->newest) = c->prev;
    c->joined = false;
}

static void give(struct byte_pool *p, struct byte_claim *c)
{
    p->held[c->rank] += c->wanted - c->held;
    c->held = c->wanted;
    if (c->held == c->total)
        unjoin(p, c);
    if (c->fiber) {
        p->waiting--;
        fiber_wake(c->fiber);
        c->fiber = NULL;
    }
}

/* Serves frames that have begun first, because they give back what they hold when they end; then
 * new ones. Urgent ranks come first. A new frame that must wait holds back all new frames of its
 * rank and of less urgent ranks. */
static void serve(struct byte_pool *p)
{
    for (unsigned r = 0; r < BYTE_RANKS; r++)
        for (struct byte_claim *c = p->oldest, *next; c; c = next) {
            next = c->next;
            if (c->rank == r && c->fiber && c->held > 0 && safe(p, c, c->wanted - c->held))
                give(p, c);
        }
    for (unsigned r = 0; r < BYTE_RANKS; r++)
        for (struct byte_claim *c = p->oldest, *next; c; c = next) {
            next = c->next;
            if (c->rank != r || c->held > 0 || !c->fiber)
                continue;
            if (!safe(p, c, c->wanted))
                return;
            give(p, c);
        }
}

static bool somebody_before(const struct byte_pool *p, const struct byte_claim *c)
{
    for (const struct byte_claim *x = p->oldest; x && p->waiting; x = x->next)
        if (x != c && x->fiber && x->held == 0 && x->rank <= c->rank)
            return true;
    return false;
}

/* -- waiting -- */

static void time_is_up(void *arg)
{
    fiber_wake(arg);
}

static int wait_given(struct byte_pool *p, struct byte_claim *c, uint64_t deadline_ns)
{
    const uint64_t began_ns = clock_now_ns();
    struct fiber *self = fiber_self();
    struct timer t = {0};
    c->fiber = self;
    p->waiting++;
    if (deadline_ns)
        timer_start(&t, deadline_ns, time_is_up, self);
    while (c->fiber && (deadline_ns == 0 || t.slot))
        fiber_suspend();
    timer_cancel(&t);
    c->waited_ns += clock_now_ns() - began_ns;
    if (!c->fiber)
        return 0;
    c->fiber = NULL;
    p->waiting--;
    return -ETIME;
}

int byte_pool_begin(struct byte_pool *p, struct byte_claim *c, enum byte_rank rank, uint64_t bytes,
                    uint64_t deadline_ns)
{
    const uint64_t most = byte_pool_most(p, rank);
    *c = (struct byte_claim){.rank = rank, .total = bytes < most ? bytes : most};
    c->wanted = c->total < STEP_BYTES ? c->total : STEP_BYTES;
    join(p, c);
    int rc = 0;
    if (!somebody_before(p, c) && safe(p, c, c->wanted))
        give(p, c);
    else
        rc = wait_given(p, c, deadline_ns);
    c->began_ns = clock_now_ns();
    c->waited_ns = 0;
    if (rc < 0)
        byte_pool_end(p, c);
    return rc;
}

int byte_pool_grow(struct byte_pool *p, struct byte_claim *c, uint64_t bytes, uint64_t deadline_ns)
{
    if (bytes <= c->held || c->held == c->total)
        return 0;
    bytes += STEP_BYTES - 1; /* asks for a whole step, so that not every piece of a frame asks */
    c->wanted = bytes < c->total ? bytes : c->total;
    if (safe(p, c, c->wanted - c->held)) {
        give(p, c);
        return 0;
    }
    return wait_given(p, c, deadline_ns);
}

bool byte_pool_too_slow(const struct byte_pool *p, const struct byte_claim *c, uint64_t now_ns)
{
    const uint64_t excused_ns = c->began_ns + c->waited_ns + GRACE_NS;
    if (p->waiting == 0 || c->total == 0 || now_ns <= excused_ns)
        return false;
    return c->arrived < (now_ns - excused_ns) / 1000000 * RATE_BYTES / 1000;
}

static void shrink(struct byte_pool *p)
{
    if (!p->smaller || p->oldest)
        return;
    p->bytes = p->smaller;
    p->smaller = 0;
}

void byte_pool_end(struct byte_pool *p, struct byte_claim *c)
{
    if (c->joined)
        unjoin(p, c);
    p->held[c->rank] -= c->held;
    *c = (struct byte_claim){0};
    shrink(p);
    if (p->waiting)
        serve(p);
}

void byte_pool_resize(struct byte_pool *p, uint64_t bytes)
{
    p->smaller = bytes < p->bytes ? bytes : 0;
    p->bytes = bytes > p->bytes ? bytes : p->bytes;
    shrink(p);
    if (p->waiting)
        serve(p);
}
