/* admission_lane.h -- inside the admission: those who wait in one lane, in their order, and
 * how long that will be. */
#pragma once

#include "actors/admission/admission.h"

struct admission_wait { /* on the stack of who waits */
    struct admission_wait *next;
    struct request *rq;
    struct admission_flow *flow;
    struct fiber *fiber;
    uint64_t start, work_ns, bytes, began_ns;
    uint64_t all_ns; /* with what follows in later pieces */
    bool again;      /* for a later piece */
    enum admission_class cls;
    bool settled;
    int rc;
};

/* Joins the queue of w->flow's lane; w stays the caller's. */
void lane_push(struct admission_lane *l, struct admission_wait *w);
/* served: its turn has come; otherwise those behind it start earlier. */
void lane_remove(struct admission_lane *l, struct admission_wait *w, bool served);
/* So much work has left the lane while somebody waited. */
void lane_measure(struct admission_lane *l, uint64_t work_ns);
/* Time that goes by while a nanosecond of estimated work is done. */
double lane_slowness(const struct admission_lane *l);
/* How long until a request of the flow would begin that joins now. */
uint64_t lane_wait_ns(const struct admission_lane *l, const struct admission_flow *f, uint64_t work_ns);
