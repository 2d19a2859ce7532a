/* unindexed_train.h -- centroids for the lists of unindexed rows: a few rounds of k-means (Lloyd,
 * 1982) over a sample of the rows, in small steps. */
#pragma once

#include "index/unindexed/unindexed_lists.h"

struct unindexed_training;

/* Makes lists for rows [from, to), whose vectors are there and stay. NULL: no memory. */
MUST_USE struct unindexed_training *unindexed_training_create(enum metric metric, uint32_t dim, uint32_t from,
                                                              uint32_t to);
void unindexed_training_destroy(struct unindexed_training *t);
uint64_t unindexed_training_bytes(const struct unindexed_training *t);

/* Does some tens of microseconds of work. 1: there is more. 0: *ret are empty lists that begin
 * at row `from`; the caller owns them. -ENOMEM. */
MUST_USE int unindexed_training_step(struct unindexed_training *t, const struct rows *vectors,
                                     struct unindexed_lists **ret);
