/* op.c -- lets a fiber wait for an operation. */
#include "reactor/reactor.h"
#include <errno.h>

struct op_wait {
    struct op *op;
    struct fiber *fiber;
    bool done, expired;
};

static bool is_of_files(const struct op *op)
{
    return op->kind < OP_ACCEPT;
}

static void op_finished(struct op *op)
{
    struct op_wait *w = op->arg;
    w->done = true;
    if (is_of_files(op))
        disk_finished(reactor_here(), op);
    fiber_wake(w->fiber);
}

static void op_expired(void *arg)
{
    struct op_wait *w = arg;
    struct reactor *r = reactor_here();
    w->expired = true;
    if (!w->done)
        r->ops->cancel(r->backend, w->op);
}

int64_t op_run_until(struct op *op, uint64_t deadline_ns)
{
    struct reactor *r = reactor_here();
    struct op_wait w = {.op = op, .fiber = r->fiber};
    struct timer t = {0};
    /* operations on files cannot be cancelled */
    check(w.fiber && (!deadline_ns || !is_of_files(op)));
    op->done = op_finished;
    op->arg = &w;
    if (deadline_ns)
        timer_start(&t, deadline_ns, op_expired, &w);
    if (is_of_files(op))
        disk_submit(r, op);
    else
        r->ops->submit(r->backend, op);
    while (!w.done) /* also after the deadline, because the kernel uses the buffer until then */
        fiber_suspend();
    timer_cancel(&t);
    return w.expired && op->result == -ECANCELED ? -ETIME : op->result;
}

int64_t op_run(struct op *op)
{
    return op_run_until(op, 0);
}

struct op_group {
    struct fiber *fiber;
    unsigned left;
};

static void one_finished(struct op *op)
{
    struct op_group *g = op->arg;
    disk_finished(reactor_here(), op);
    if (--g->left == 0)
        fiber_wake(g->fiber);
}

void op_run_all(struct op *ops, unsigned n)
{
    struct reactor *r = reactor_here();
    struct op_group g = {.fiber = r->fiber, .left = n};
    check(g.fiber);
    for (unsigned i = 0; i < n; i++) {
        check(is_of_files(&ops[i]));
        ops[i].done = one_finished;
        ops[i].arg = &g;
        disk_submit(r, &ops[i]);
    }
    while (g.left > 0)
        fiber_suspend();
}
