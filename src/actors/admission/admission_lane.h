/* admission_lane.h -- internal: the requests that wait in one lane, in their order, and how
 * long they will wait. */
#pragma once

#include "actors/admission/admission.h"

struct admission_wait { /* on the stack of the fiber that waits */
    struct admission_wait *next;
    struct request *rq;
    struct admission_flow *flow;
    struct fiber *fiber;
    uint64_t start, work_ns, bytes, began_ns;
    uint64_t all_ns; /* work of all pieces that are left */
    bool again;      /* the request was admitted before, and waits for a later piece */
    enum admission_class cls;
    bool settled;
    int rc;
};

/* Joins the queue of w->flow's lane. The caller keeps w. */
void lane_push(struct admission_lane *l, struct admission_wait *w);
/* served: its turn has come. Otherwise later requests of its connection start earlier. */
void lane_remove(struct admission_lane *l, struct admission_wait *w, bool served);
/* Notes that so much work has left the lane while requests waited. */
void lane_measure(struct admission_lane *l, uint64_t work_ns);
/* The measured time that a nanosecond of estimated work takes. */
double lane_slowness(const struct admission_lane *l);
/* How long a request of the flow that joins now would wait. */
uint64_t lane_wait_ns(const struct admission_lane *l, const struct admission_flow *f, uint64_t work_ns);
