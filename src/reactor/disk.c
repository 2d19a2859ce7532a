/* disk.c -- operations on files by class: reads of searches and the log first, background last.
 *
 * What a fiber of the classes INTERACTIVE or WRITE asks for goes to the back end at once. Reads,
 * writes and flushes of background fibers are few and small there: a flush of the log waits
 * behind whatever the disk was given before it, and takes from it no more than BACKGROUND_OPS of
 * at most a MiB each (file.c). While an urgent operation is under way there is one of them, so
 * that background work goes on however busy the log is. Everything above the back ends, hence
 * the same in all worlds. */
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
