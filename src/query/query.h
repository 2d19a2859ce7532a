/* query.h -- a search, in one form for all protocols.
 *
 * A protocol translates its request into a struct query and calls the router with it. It decides
 * nothing itself. All pointers are borrowed until the router returns. The deadline belongs to the
 * request (struct context), because it runs from the first byte of the request on. */
#pragma once

#include "base/error.h"
#include "base/point_id.h"
#include <stdbool.h>
#include <stdint.h>

struct filter; /* query/filter.h */

#define QUERY_K_MAX        10000 /* the most that k and offset may be together */
#define QUERY_EF_MAX       10000
#define QUERY_REFINE_K_MAX 100
#define QUERY_TARGETS_MAX  10000
#define QUERY_HITS_MAX     1000000u /* the most that targets x (offset + k) may be */
#define QUERY_POINTS_MAX   1000000u /* ids in one fetch */

/* How many cores search. The numbers are those of the native protocol. */
enum fan_out {
    FAN_OUT_UNSAID, /* the setting search.fan_out decides */
    FAN_OUT_AUTO,   /* all while the other cores have time, otherwise one */
    FAN_OUT_ONE,    /* the core of the connection */
    FAN_OUT_ALL,
    FAN_OUT_COUNT
};
/* Names for users: "auto", "1" and "all", from FAN_OUT_AUTO on; then NULL. */
extern const char *const fan_out_names[FAN_OUT_COUNT];

/* The vectors whose neighbours are wanted. Each has an answer of its own. */
struct query_targets {
    const float *vectors; /* one vector after the other; 64-byte aligned */
    uint64_t bytes;
    uint32_t dim;   /* of each target; 0: the client did not say */
    uint64_t first; /* the number of the first target in errors */
};

/* How hard the search tries. Members that are 0 are taken from the settings. */
struct query_effort {
    bool exact;  /* compares the target with every point */
    uint32_t ef; /* candidates that an index keeps (the beam) */
    /* instead of ef: the share of the true nearest that is wanted, above 0; 1 is exact */
    float recall;
    /* k times this many candidates are scored again in full; 0: each segment chooses */
    float refine_k;
};

/* What an answer has besides ids and scores. */
struct selection {
    bool vectors, payloads;
};

struct query {
    const char *collection;
    const char *vector; /* name of the vector to search; NULL or "": the unnamed one */
    struct query_targets targets;
    uint32_t k, offset; /* the answer has hits [offset, offset + k) of each target */
    struct query_effort effort;
    enum fan_out fan_out;
    const struct filter *filter; /* NULL: every point may be a hit */
    struct selection select;
};

/* How many hits are found for each target. */
static inline uint32_t query_depth(const struct query *q)
{
    return q->offset + q->k;
}

/* Checks everything that does not depend on the collection. 0, or a negative
 * errno with an error text. */
MUST_USE int query_check(const struct query *q, struct error *error);

/* A fetch of points by their ids. */
struct fetch {
    const char *collection;
    const struct point_id *ids;
    uint64_t count;
    struct selection select;
};
