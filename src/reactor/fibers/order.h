/* order.h -- in which order fibers may wait for each other, so that no circle of
 * waiting fibers can close.
 *
 * What a fiber can hold while others wait for it has an order, a number: a place, a lock, the fiber
 * of an actor that serves a message. src/actors/order.h names them for the server. Always true:
 * 1. A fiber waits only for what has a lower order than everything it holds. So some waiting fiber
 *    always waits for one that runs, for the disk, or for a client.
 * 2. Who serves a message holds the message's order until it has replied.
 * 3. Messages of each order have credits of their own between each two reactors (message.h): those
 *    of a higher order, which may wait long, never take the credits that those of a lower one need
 *    to end.
 * 4. An actor receives messages of one order, and no fiber is wanting for it: each actor's first
 *    fiber comes out of a part of the pool that nobody else takes from, and what clients start
 *    leaves a larger part to the server (fiber.h).
 *
 * This is resource ordering (Havender: Avoiding deadlock in multitasking systems, IBM Systems
 * Journal 7, 1968). Debug builds check rule 1 wherever a fiber is about to wait: in message_send(),
 * semaphore_acquire(), and where order_check() is called. Waiting for what has no order (the disk,
 * a timer, a fiber that waits for nothing with an order) is always allowed. */
#pragma once

#define ORDERS     16 /* numbers 0 .. 15; the lowest waits for nothing that has an order */
#define ORDER_NONE ORDERS

#ifdef KITH_DEBUG
/* The calling fiber is about to wait for something of this order. ORDER_NONE: of none, as below. */
void order_check(unsigned order);
/* It holds something of this order from now on, until as many order_release(). */
void order_hold(unsigned order);
void order_release(unsigned order);
#else
static inline void order_check(unsigned order)
{
}
static inline void order_hold(unsigned order)
{
}
static inline void order_release(unsigned order)
{
}
#endif
