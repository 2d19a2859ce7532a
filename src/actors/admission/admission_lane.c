/* admission_lane.c -- the queue of a lane, and how long it is.
 *
 * The order is start-time fair queueing (Goyal, Vin, Cheng: Start-time fair queuing, SIGCOMM 1996).
 * A connection that has waiting requests is in a list by the virtual time at which its first one
 * starts; each request moves its connection's next start by the work it asks for. One that is
 * served goes nearly always to the end of the list again, so the list is walked from there.
 *
 * How long a queue is in milliseconds is measured, not computed: what was let out of the lane
 * per time while somebody waited. Background work, other cores' searches and wrong estimates
 * are all in that figure. */
#include "actors/admission/admission_lane.h"
#include "base/check.h"
#include "reactor/runtime.h"

#define MEASURE_NS ((uint64_t)5000000)
#define MEMORY_NS  200e6 /* so long is remembered how slow it was */
#define PRIOR_NS   1e6   /* before that estimates are believed */

static void lane_insert(struct admission_lane *l, struct admission_flow *f)
{
    struct admission_flow *before = l->tail;
    while (before && before->head->start > f->head->start)
        before = before->prev;
    f->prev = before;
    f->next = before ? before->next : l->head;
    *(f->next ? &f->next->prev : &l->tail) = f;
    *(before ? &before->next : &l->head) = f;
    l->flows++;
}

static void lane_unlink(struct admission_lane *l, struct admission_flow *f)
{
    *(f->prev ? &f->prev->next : &l->head) = f->next;
    *(f->next ? &f->next->prev : &l->tail) = f->prev;
    l->flows--;
}

void lane_push(struct admission_lane *l, struct admission_wait *w)
{
    struct admission_flow *f = w->flow;
    w->start = f->finish > l->virtual_ns ? f->finish : l->virtual_ns;
    f->finish = w->start + w->work_ns;
    l->finish_max = f->finish > l->finish_max ? f->finish : l->finish_max;
    f->work_ns += w->work_ns;
    bool first = !f->head;
    if (first)
        f->tail = &f->head;
    *f->tail = w;
    f->tail = &w->next;
    if (first)
        lane_insert(l, f);
    if (l->waiting++ == 0) {
        /* of the last rush */
        double keep = MEMORY_NS / (MEMORY_NS + (double)(w->began_ns - l->measured_at_ns));
        l->took_ns *= keep;
        l->done_ns *= keep;
        l->measured_at_ns = w->began_ns;
        l->measured_work_ns = 0;
    }
    l->waiting_ns += w->work_ns;
}

void lane_remove(struct admission_lane *l, struct admission_wait *w, bool served)
{
    struct admission_flow *f = w->flow;
    struct admission_wait **link = &f->head;
    if (served)
        l->virtual_ns = w->start;
    while (*link != w) {
        check(*link);
        link = &(*link)->next;
    }
    if (f->head == w)
        lane_unlink(l, f);
    bool was_first = f->head == w;
    *link = w->next;
    if (!w->next)
        f->tail = link;
    for (struct admission_wait *later = w->next; later && !served; later = later->next)
        later->start -= w->work_ns;
    f->finish -= served ? 0 : w->work_ns;
    f->work_ns -= w->work_ns;
    if (was_first && f->head)
        lane_insert(l, f);
    l->waiting_ns -= w->work_ns;
    if (--l->waiting == 0)
        /* who had more than others in this rush owes nothing in the next */
        l->virtual_ns = l->finish_max;
}

/* Sums that fade, and their quotient: a mean of quotients would make much of every pause in
 * which little was done. */
static void lane_remember(struct admission_lane *l, double took_ns, double work_ns)
{
    double keep = MEMORY_NS / (MEMORY_NS + took_ns);
    l->took_ns = keep * l->took_ns + took_ns;
    l->done_ns = keep * l->done_ns + work_ns;
}

double lane_slowness(const struct admission_lane *l)
{
    return (l->took_ns + PRIOR_NS) / (l->done_ns + PRIOR_NS);
}

void lane_measure(struct admission_lane *l, uint64_t work_ns)
{
    l->measured_work_ns += work_ns;
    uint64_t now = clock_now_ns(), took = now - l->measured_at_ns;
    if (took < MEASURE_NS)
        return;
    lane_remember(l, (double)took, (double)l->measured_work_ns);
    l->measured_at_ns = now;
    l->measured_work_ns = 0;
}

/* Each connection gets an equal part of the lane, so the others matter only as far as
 * they are before its own. */
uint64_t lane_wait_ns(const struct admission_lane *l, const struct admission_flow *f, uint64_t work_ns)
{
    uint64_t flows = l->flows + (f->head ? 0 : 1), fair = (f->work_ns + work_ns) * flows;
    uint64_t ahead = l->waiting_ns < fair ? l->waiting_ns : fair;
    /* until the first of those that run has ended */
    ahead += l->running ? l->running_ns / l->running : 0;
    return (uint64_t)((double)ahead * lane_slowness(l));
}
