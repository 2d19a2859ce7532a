/* unindexed_train.h -- centroids for the lists of unindexed rows: a few rounds of k-means (Lloyd,
 * 1982) over a sample of the rows, in small steps. */
#pragma once

#include "index/unindexed/unindexed_lists.h"

struct unindexed_training;

/* Lists for rows [from, to), whose vectors are there and stay. NULL when there is no memory. */
MUST_USE struct unindexed_training *unindexed_training_create(enum metric metric, uint32_t dim, uint32_t from,
                                                              uint32_t to);
void unindexed_training_destroy(struct unindexed_training *t);
uint64_t unindexed_training_bytes(const struct unindexed_training *t);

/* Some tens of microseconds of it. 1: there is more; 0: *ret, to be owned by the caller, are empty
 * lists that begin at row `from`; -ENOMEM. */
MUST_USE int unindexed_training_step(struct unindexed_training *t, const struct rows *vectors,
                                     struct unindexed_lists **ret);
