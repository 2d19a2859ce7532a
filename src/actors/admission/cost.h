/* cost.h -- what requests to one collection cost here: time on this core, learned from
 * those that were done.
 *
 * The clock is fiber_ran_ns() of the request's own fiber, so neither waiting nor what other
 * cores do for the request counts. Means are exponential: the last eight or so decide. Nothing
 * waits; one reactor's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COST_BEAMS 15 /* by the power of two of the beam, up to 16384 */

/* Zero-initialised is valid: nothing is known. */
struct cost_model {
    uint64_t walk_ns[COST_BEAMS]; /* a query */
    uint64_t exact_ns;            /* a query */
    uint64_t row_ns;              /* a row written, or an id deleted */
    uint64_t point_ns;            /* a point fetched */
};

/* Of one query. ef 0: chosen by the server. rows and dim are for an exact search
 * before there was any. */
uint64_t cost_of_query(const struct cost_model *m, bool exact, uint32_t k, uint32_t ef, uint64_t rows, uint32_t dim);
void cost_learn_query(struct cost_model *m, bool exact, uint32_t k, uint32_t ef, uint64_t ns);

/* Of one row and of one point. */
uint64_t cost_of_row(const struct cost_model *m);
uint64_t cost_of_point(const struct cost_model *m);

/* One mean takes one more measurement. One that stands out, because the machine was busy elsewhere,
 * counts as eight times the mean. */
static inline void cost_learn(uint64_t *mean, uint64_t ns)
{
    ns = *mean && ns / 8 > *mean ? 8 * *mean : ns;
    *mean = *mean ? *mean - *mean / 8 + ns / 8 : ns;
    *mean = *mean ? *mean : 1; /* 0 says that nothing is known */
}
