/* load_drive.h -- declarations that the parts of the driver share: connections with their requests,
 * and the running phase. */
#pragma once

#include "load/load.h"
#include "random.h"

#include <sched.h>

struct flight {
    int64_t request; /* 0: free */
    uint64_t intended_ns, sent_ns;
    uint64_t point; /* for an upsert of one point */
    double *bounds; /* for a search whose recall is measured: live_bound() of each query */
    uint32_t query; /* number of its first query */
    bool upsert;
    bool abandoned; /* its phase is over, but the place is taken until the answer comes */
};

struct connection {
    struct link *link;
    struct flight *flights; /* array of in_flight elements */
    uint32_t count;
    bool touched; /* a request was started since the last flush */
    bool look;    /* answers may have come: the socket has bytes, or sending has read some */
};

struct drive {
    const struct target *target;
    struct connection *connections;
    struct pollfd *polls;
    double *bounds; /* of all flights; grows when a plan has more queries in a search */
    uint32_t connection_count, in_flight, turn, bounds_each;
    uint32_t abandoned; /* number of abandoned flights */
    bool goes_first;    /* during a phase: runs before other programs */
    cpu_set_t cores;    /* the cores that it runs on in turn */
    size_t core;        /* the current core */
    uint64_t moves_ns;  /* time of the move to the next core */
};

/* A running phase. */
struct phase {
    struct drive *drive;
    struct drive_plan *plan;
    struct drive_result *result;
    struct random random;
    uint64_t start_ns, end_ns, next_ns, last_ns, sent;
    uint32_t next_query;
    float *vectors; /* of one upsert: batch x dim */
    float *queries; /* of one search whose queries wrap around: queries x dim */
    uint64_t *ids;  /* array of `batch` elements */
};

/* load_request.c */
/* Negative when the connection is lost. */
MUST_USE int request_start(struct phase *p, struct connection *c, uint64_t intended_ns, struct error *e);
/* Takes every answer that has arrived. */
MUST_USE int answers_take(struct phase *p, struct connection *c, struct error *e);
void count_error(struct drive_count *count, const char *sentence);
int link_fails(struct error *e, const struct link *l, int rc, const char *doing);
