/* load_drive.h -- what the parts of the driver share: links with their requests, and
 * the phase that runs. */
#pragma once

#include "load/load.h"
#include "random.h"

#include <sched.h>

struct flight {
    int64_t request; /* 0: free */
    uint64_t intended_ns, sent_ns;
    uint64_t point; /* of an upsert of one */
    double *bounds; /* of a search whose recall is told: live_bound() of each query */
    uint32_t query; /* the first */
    bool upsert;
    bool abandoned; /* its phase is over: the place is taken until the answer comes */
};

struct connection {
    struct link *link;
    struct flight *flights; /* in_flight */
    uint32_t count;
    bool touched; /* something was started since the last flush */
    bool look;    /* there may be answers: the socket has bytes, or sending has read some */
};

struct drive {
    const struct target *target;
    struct connection *connections;
    struct pollfd *polls;
    double *bounds; /* of all flights; grown when a plan has more queries a search */
    uint32_t connection_count, in_flight, turn, bounds_each;
    uint32_t abandoned; /* flights */
    bool goes_first;    /* in a phase: before other programs, */
    cpu_set_t cores;    /* on these in turn, */
    size_t core;        /* this one now, */
    uint64_t moves_ns;  /* until then */
};

/* One phase while it runs. */
struct phase {
    struct drive *drive;
    struct drive_plan *plan;
    struct drive_result *result;
    struct random random;
    uint64_t start_ns, end_ns, next_ns, last_ns, sent;
    uint32_t next_query;
    float *vectors; /* of one upsert: batch x dim */
    float *queries; /* of one search, where they wrap around: queries x dim */
    uint64_t *ids;  /* batch */
};

/* load_request.c */
/* Negative when the link is lost. */
MUST_USE int request_start(struct phase *p, struct connection *c, uint64_t intended_ns, struct error *e);
/* Takes every answer that is there. */
MUST_USE int answers_take(struct phase *p, struct connection *c, struct error *e);
void count_error(struct drive_count *count, const char *sentence);
int link_fails(struct error *e, const struct link *l, int rc, const char *doing);
