/* unindexed_need.h -- how many rows of the lists a search must look at, measured
 * with rows of the lists.
 *
 * How much lists tell depends on the data. The ten nearest of a row lie in the first few lists
 * where rows are clustered, and in nearly all lists where all directions are alike. So when
 * lists were made, some rows are searched for, by their vectors, in a sample of one row in
 * eight. The nearest in the sample is about the eighth nearest of all. A list counts if it is
 * ranked no farther than that row's list; the result of a query is the share of all rows in such
 * lists. These shares, sorted, are lists->need. Its quantile at some recall is the share that
 * finds so many neighbours. */
#pragma once

#include "index/copies.h"
#include "index/unindexed/unindexed_lists.h"
#include "vectors/rows.h"

struct unindexed_needing;

/* For lists that hold [lists->from, lists->to). NULL: no memory. */
MUST_USE struct unindexed_needing *unindexed_needing_create(const struct unindexed_lists *lists);
void unindexed_needing_destroy(struct unindexed_needing *n);
uint64_t unindexed_needing_bytes(const struct unindexed_needing *n);

/* Does some tens of microseconds of work. 1: there is more. 0: done,
 * lists->need is set. -ENOMEM. */
MUST_USE int unindexed_needing_step(struct unindexed_needing *n, struct unindexed_lists *lists,
                                    const struct rows *vectors, const struct copies *copies);

/* The share of rows (0 to 1) with which a search has recall `wanted` at k; 0: not measured. */
float unindexed_need(const struct unindexed_lists *lists, float wanted, uint32_t k);
