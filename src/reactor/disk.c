/* disk.c -- schedules file operations by class: searches and the log first, background fibers last.
 *
 * Operations of fibers of the classes INTERACTIVE and WRITE go to the back end at once. A flush of
 * the log waits for every operation that the disk already has. So background fibers have at most
 * BACKGROUND_OPS reads, writes and flushes at the back end, each of at most 1 MiB (file.c). While
 * an urgent operation is under way they have one, so that background work goes on however busy the
 * log is. This code lies above the back ends, so it also runs in the simulator. */
#include "reactor/reactor.h"

#define BACKGROUND_OPS 2

static bool is_throttled(const struct op *op)
{
    return op->cls == CLASS_BACKGROUND &&
           (op->kind == OP_READ || op->kind == OP_WRITE || op->kind == OP_FLUSH || op->kind == OP_WRITE_BACK);
}

static bool may_start(const struct disk *d)
{
    return d->background < (d->urgent ? 1 : BACKGROUND_OPS);
}

static void start(struct reactor *r, struct op *op)
{
    if (is_throttled(op))
        r->disk.background++;
    r->ops->submit(r->backend, op);
}

void disk_submit(struct reactor *r, struct op *op)
{
    struct disk *d = &r->disk;
    op->cls = fiber_class_of(r->fiber);
    if (op->cls != CLASS_BACKGROUND)
        d->urgent++;
    if (is_throttled(op) && (d->waiting.head || !may_start(d)))
        op_list_push(&d->waiting, op);
    else
        start(r, op);
}

void disk_finished(struct reactor *r, const struct op *op)
{
    struct disk *d = &r->disk;
    if (op->cls != CLASS_BACKGROUND)
        d->urgent--;
    else if (is_throttled(op))
        d->background--;
    while (d->waiting.head && may_start(d))
        start(r, op_list_pop(&d->waiting));
}
