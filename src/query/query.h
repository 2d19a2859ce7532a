/* query.h -- a query as the server understands it, whichever protocol it came by.
 *
 * A protocol translates its request into one of these and hands it to the router; it decides
 * nothing itself. All pointers are borrowed until the router returns. A query's deadline is that
 * of its request (struct context): it runs from the first byte of the request, before there is a
 * query. */
#pragma once

#include "base/error.h"
#include "base/point_id.h"
#include <stdbool.h>
#include <stdint.h>

struct filter; /* query/filter.h */

#define QUERY_K_MAX        10000 /* of k and offset together */
#define QUERY_EF_MAX       10000
#define QUERY_REFINE_K_MAX 100
#define QUERY_TARGETS_MAX  10000
#define QUERY_HITS_MAX     1000000u /* targets x (offset + k) of one query */
#define QUERY_POINTS_MAX   1000000u /* ids of one fetch */

/* Over how many cores a search goes. The numbers are those of the native protocol. */
enum fan_out {
    FAN_OUT_UNSAID, /* as the setting search.fan_out says */
    FAN_OUT_AUTO,   /* all while the others have time, otherwise one */
    FAN_OUT_ONE,    /* the core of the connection */
    FAN_OUT_ALL,
    FAN_OUT_COUNT
};
/* As users type them: "auto", "1" and "all", from FAN_OUT_AUTO on; ended by NULL. */
extern const char *const fan_out_names[FAN_OUT_COUNT];

/* The vectors whose neighbours are searched; each has an answer of its own. */
struct query_targets {
    const float *vectors; /* one after the other; 64-byte aligned */
    uint64_t bytes;
    uint32_t dim;   /* of each; 0: the client did not say */
    uint64_t first; /* the first one's number in errors */
};

/* How hard the search tries. Values of 0 are filled in from the settings. */
struct query_effort {
    bool exact;     /* compares with every point */
    uint32_t ef;    /* candidates that an index keeps (the beam) */
    float recall;   /* in place of ef: share of the nearest that are found, above 0; 1 is exact */
    float refine_k; /* k times this many candidates are compared in full; 0: as each segment does */
};

/* What the answer has beside ids and scores. */
struct selection {
    bool vectors, payloads;
};

struct query {
    const char *collection;
    const char *vector; /* name of the vector that is searched; NULL or "": the unnamed one */
    struct query_targets targets;
    uint32_t k, offset; /* the answer has hits [offset, offset + k) of each target */
    struct query_effort effort;
    enum fan_out fan_out;
    const struct filter *filter; /* NULL: every point may be a hit */
    struct selection select;
};

/* Hits that are found for each target. */
static inline uint32_t query_depth(const struct query *q)
{
    return q->offset + q->k;
}

/* Checks what can be judged without the collection. 0, or a negative errno with the sentence. */
MUST_USE int query_check(const struct query *q, struct error *error);

/* Points by their ids: no search. */
struct fetch {
    const char *collection;
    const struct point_id *ids;
    uint64_t count;
    struct selection select;
};
