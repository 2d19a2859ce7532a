/* cost.h -- what requests to one collection cost: CPU time on this core, learned
 * from earlier requests.
 *
 * The clock is fiber_ran_ns() of the request's own fiber, so waiting does not count, nor does
 * work of other cores for the request. Means are exponential, with a weight of 1/8 for a new
 * measurement. No function waits. A model belongs to one reactor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COST_BEAMS 15 /* one for each power of two of the beam, up to 16384 */

/* Zero-initialised is valid: nothing was measured yet. */
struct cost_model {
    uint64_t walk_ns[COST_BEAMS]; /* of a query without a filter that is not exact */
    /* measured time of exact and of filtered queries over the estimate; 0: not measured */
    double exact, filtered;
    uint64_t row_ns;   /* of a row that is written, or an id that is deleted */
    uint64_t point_ns; /* of a point that is fetched */
};

struct cost_query {
    bool exact, filtered;
    uint32_t k, ef; /* ef 0: the server chooses the beam */
    /* the estimate of the indexes (shard_cost_ns()); 0 if cost_wants_indexes() is false */
    uint64_t said_ns;
};

/* Whether said_ns is needed. Queries that are exact or have a filter differ too much from each
 * other; the cost of the rest is known from earlier ones. */
bool cost_wants_indexes(const struct cost_model *m, const struct cost_query *q);
/* The expected cost of one query. */
uint64_t cost_of_query(const struct cost_model *m, const struct cost_query *q);
void cost_learn_query(struct cost_model *m, const struct cost_query *q, uint64_t ns);

/* The expected cost of one row and of one point. */
uint64_t cost_of_row(const struct cost_model *m);
uint64_t cost_of_point(const struct cost_model *m);

/* Adds a measurement to a mean. A measurement above eight times the mean, as on a busy machine,
 * counts as eight times the mean. */
static inline void cost_learn(uint64_t *mean, uint64_t ns)
{
    ns = *mean && ns / 8 > *mean ? 8 * *mean : ns;
    *mean = *mean ? *mean - *mean / 8 + ns / 8 : ns;
    *mean = *mean ? *mean : 1; /* 0 means that nothing was measured */
}
