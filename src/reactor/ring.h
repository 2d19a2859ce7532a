/* ring.h -- a single-producer single-consumer ring of message pointers between two reactors.
 *
 * The producer never asks whether there is room: credits are the room. A reactor has at most
 * RING_CREDITS requests of all orders under way to a peer, so a ring holds at most that many
 * requests of its producer and as many replies of it. The same counting orders the reuse of a slot:
 * whoever writes position p + RING_SLOTS has, through replies and new requests it received, seen
 * the consumer pass position p. So there is no shared head, and a burst costs one release store. */
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

/* Producer: puts m at its private position; the consumer does not see it before ring_publish(). */
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
