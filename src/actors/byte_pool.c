#include "actors/byte_pool.h"
#include "reactor/fiber.h"
#include "reactor/timer.h"

#include <errno.h>

struct byte_waiter { /* on the stack of who waits */
    struct byte_waiter *next;
    struct fiber *fiber;
    uint64_t bytes;
    bool served;
};

void byte_pool_init(struct byte_pool *p, uint64_t bytes)
{
    *p = (struct byte_pool){.left = bytes};
    for (unsigned r = 0; r < BYTE_POOL_RANKS; r++)
        p->tail[r] = &p->head[r];
}

static bool has_room(const struct byte_pool *p, unsigned rank, uint64_t bytes)
{
    for (unsigned r = 0; r <= rank; r++)
        if (p->head[r])
            return false;
    return bytes <= p->left;
}

static void serve(struct byte_pool *p)
{
    for (unsigned r = 0; r < BYTE_POOL_RANKS; r++)
        for (struct byte_waiter *w; (w = p->head[r]);) {
            if (w->bytes > p->left)
                return; /* what comes free is kept for it */
            p->left -= w->bytes;
            p->head[r] = w->next;
            if (!w->next)
                p->tail[r] = &p->head[r];
            w->served = true;
            fiber_wake(w->fiber);
        }
}

static void give_up(struct byte_pool *p, unsigned rank, struct byte_waiter *w)
{
    struct byte_waiter **link = &p->head[rank];
    while (*link != w) {
        check(*link);
        link = &(*link)->next;
    }
    *link = w->next;
    if (!w->next)
        p->tail[rank] = link;
    serve(p); /* it may have stood before somebody who needs less */
}

static void time_is_up(void *arg)
{
    fiber_wake(arg);
}

int byte_pool_acquire(struct byte_pool *p, unsigned rank, uint64_t bytes, uint64_t deadline_ns)
{
    if (LIKELY(has_room(p, rank, bytes))) {
        p->left -= bytes;
        return 0;
    }
    struct byte_waiter w = {.fiber = fiber_self(), .bytes = bytes};
    struct timer t = {0};
    if (deadline_ns)
        timer_start(&t, deadline_ns, time_is_up, w.fiber);
    *p->tail[rank] = &w;
    p->tail[rank] = &w.next;
    while (!w.served && (deadline_ns == 0 || t.slot))
        fiber_suspend();
    timer_cancel(&t);
    if (w.served)
        return 0;
    give_up(p, rank, &w);
    return -ETIME;
}

void byte_pool_release(struct byte_pool *p, uint64_t bytes)
{
    p->left += bytes;
    serve(p);
}
