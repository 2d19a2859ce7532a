/* zoo_truth.h -- the true answers of a set of the zoo under a metric, and counts of true hits in an
 * answer. */
#pragma once

#include "ann/zoo.h"
#include "vectors/metric.h"

#include <stdbool.h>

#define ZOO_K      10
#define ZOO_RECALL 0.98 /* the recall of a search that names none (setting search.recall) */

/* Borrows the set. Under cosine, the caller has normalised rows and queries. */
struct zoo_truth {
    const struct zoo_set *set;
    enum metric metric;
    /* [query_count]: distance of the k-th nearest allowed row plus a rounding error; owned */
    double *bound;
};

/* allowed: a byte for each row; NULL: all. -ENOMEM. */
MUST_USE int zoo_truth_init(struct zoo_truth *t, const struct zoo_set *set, enum metric metric, const uint8_t *allowed);
void zoo_truth_fini(struct zoo_truth *t);
/* How many of these rows are no farther than the k-th nearest. A repeated row counts once. */
uint32_t zoo_truth_count(const struct zoo_truth *t, uint32_t query, const uint32_t *rows, uint32_t count);
/* Whether an answer to the row's own vector contains the row, or k others as near. */
bool zoo_truth_own(const struct zoo_truth *t, uint32_t row, const uint32_t *rows, uint32_t count);
