/* admission_lane.c -- the queue of a lane, and an estimate of how long a request waits in it.
 *
 * The order is start-time fair queueing (Goyal, Vin, Cheng: Start-time fair queuing, SIGCOMM
 * 1996). The connections that have waiting requests form a list, in the order of the virtual
 * start of their first requests. Each request moves the next start of its connection by its
 * work. A connection that was served nearly always goes to the end of the list, so the list is
 * searched from there.
 *
 * The wait in milliseconds is measured, not computed from estimates: how much work leaves the
 * lane in a time during which requests wait. So background work, searches for other cores and
 * wrong estimates are part of it. */
#include "actors/admission/admission_lane.h"
#include "base/check.h"
#include "reactor/runtime.h"

#define MEASURE_NS ((uint64_t)5000000)
#define MEMORY_NS  200e6 /* how long a measurement counts, about */
#define PRIOR_NS   1e6   /* weight of the estimates, of which every quotient contains so much */

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
        /* fades what was measured when requests last waited */
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
        /* a connection that had more than others while requests waited owes nothing afterwards */
        l->virtual_ns = l->finish_max;
}

/* Adds to fading sums, of which lane_slowness() is the quotient. A mean of quotients would
 * overrate each pause in which little was done. */
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

/* Each connection gets an equal part of the lane. So of another connection only the work counts
 * that is served before this one's. */
uint64_t lane_wait_ns(const struct admission_lane *l, const struct admission_flow *f, uint64_t work_ns)
{
    uint64_t flows = l->flows + (f->head ? 0 : 1), fair = (f->work_ns + work_ns) * flows;
    uint64_t ahead = l->waiting_ns < fair ? l->waiting_ns : fair;
    /* until the first of the running requests ends */
    ahead += l->running ? l->running_ns / l->running : 0;
    return (uint64_t)((double)ahead * lane_slowness(l));
}
