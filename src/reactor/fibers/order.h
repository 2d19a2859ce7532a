/* order.h -- the order in which fibers may wait for each other, which prevents deadlock.
 *
 * Everything that a fiber can hold while others wait for it has an order, which is a number.
 * Examples are a place, a lock, or the fiber of an actor that serves a message. src/actors/order.h
 * names the orders of the server. Always true:
 * 1. A fiber waits only for things with a lower order than everything it holds. So some waiting
 *    fiber always waits for a fiber that runs, for the disk, or for a client.
 * 2. A fiber that serves a message holds the message's order until it has replied.
 * 3. Messages of each order have credits of their own between each two reactors (message.h).
 *    Messages of a higher order may wait long, but never take the credits of a lower order.
 * 4. An actor receives messages of one order and always finds a fiber. The pool reserves the first
 *    fiber of each actor, and work that clients cause leaves a larger part of the pool to the
 *    server (fiber.h).
 *
 * This is resource ordering (Havender: Avoiding deadlock in multitasking systems, IBM Systems
 * Journal 7, 1968). Debug builds check rule 1 where a fiber is about to wait: in message_send(), in
 * semaphore_acquire(), and where order_check() is called. A fiber may always wait for things
 * without an order: the disk, a timer, or a fiber that itself waits for nothing with an order. */
#pragma once

#define ORDERS     16 /* numbers 0 .. 15; a holder of order 0 waits for nothing that has an order */
#define ORDER_NONE ORDERS

#ifdef KITH_DEBUG
/* The calling fiber is about to wait for something of this order. ORDER_NONE: for something without
 * an order, which is always allowed. */
void order_check(unsigned order);
/* The calling fiber holds something of this order until the matching order_release(). Calls
 * count. */
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
