/* ring.h -- a single-producer, single-consumer ring of message pointers between two reactors.
 *
 * The producer never checks for room, because credits guarantee it. A reactor has at most
 * RING_CREDITS unanswered requests, of all orders, at a peer. So a ring holds at most that many
 * requests of its producer and as many replies. Credits also order the reuse of a slot. Before a
 * producer writes position p + RING_SLOTS, it has received replies or requests that prove that
 * the consumer has passed position p. So there is no shared head, and a burst costs one release
 * store. */
#pragma once

#include "base/memory.h"
#include "reactor/message.h"
#include <stdatomic.h>

#define RING_CREDITS 512
#define RING_SLOTS   (2 * RING_CREDITS)

struct ring {
    /* positions published; written by the producer only */
    _Alignas(CACHE_LINE) _Atomic uint32_t tail;
    _Alignas(CACHE_LINE) struct message *slots[RING_SLOTS];
};

/* Producer: stores m at its private position. The consumer sees it only after ring_publish(). */
static inline void ring_put(struct ring *r, uint32_t *tail, struct message *m)
{
    r->slots[(*tail)++ % RING_SLOTS] = m;
}

static inline void ring_publish(struct ring *r, uint32_t tail)
{
    /* R0: publishes the slots; pairs with A0 */
    atomic_store_explicit(&r->tail, tail, memory_order_release);
}

/* Consumer: the next message, or NULL. */
static inline struct message *ring_take(struct ring *r, uint32_t *head)
{
    /* A0: sees the slots; pairs with R0 */
    if (*head == atomic_load_explicit(&r->tail, memory_order_acquire))
        return NULL;
    return r->slots[(*head)++ % RING_SLOTS];
}
