/* order.c -- counts what each fiber holds, by order; empty in release builds. Code outside of
 * fibers (a timer, the end of an operation) never waits, so it is not checked. */
#include "reactor/fibers/order.h"
#include "reactor/reactor.h"

#ifdef KITH_DEBUG
#include <stdio.h>

static void tell_and_stop(const struct fiber *f, unsigned order, unsigned held)
{
    fprintf(stderr, "fiber '%s' of reactor %u holds something of order %u and is about to wait for order %u\n", f->name,
            f->reactor->id, held, order);
    check(!"a fiber waits against the order of order.h");
}

void order_check(unsigned order)
{
    const struct fiber *f = fiber_self();
    for (unsigned held = 0; f && order < ORDERS && held <= order; held++)
        if (f->held[held])
            tell_and_stop(f, order, held);
}

void order_hold(unsigned order)
{
    struct fiber *f = fiber_self();
    if (f && order < ORDERS)
        f->held[order]++;
}

void order_release(unsigned order)
{
    struct fiber *f = fiber_self();
    if (!f || order >= ORDERS)
        return;
    check(f->held[order] > 0);
    f->held[order]--;
}
#endif
