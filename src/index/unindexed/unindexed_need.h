/* unindexed_need.h -- how many of the rows in lists a search must look at, as measured on rows that
 * are in them.
 *
 * How much lists tell differs. The ten nearest of a row lie in the first few lists where rows are
 * clustered, and in nearly all of them where all directions are alike. So when lists were made,
 * some rows are searched for in a sample of the others, by their vectors. The nearest in a sample
 * of one in eight is about the eighth of all. The result is the share of all rows that lies in the
 * lists up to that row's own. These shares, sorted, are lists->need: its quantile at some recall
 * finds so many neighbours. */
#pragma once

#include "index/copies.h"
#include "index/unindexed/unindexed_lists.h"
#include "vectors/rows.h"

struct unindexed_needing;

/* For lists that hold [lists->from, lists->to). NULL when there is no memory. */
MUST_USE struct unindexed_needing *unindexed_needing_create(const struct unindexed_lists *lists);
void unindexed_needing_destroy(struct unindexed_needing *n);
uint64_t unindexed_needing_bytes(const struct unindexed_needing *n);

/* Some tens of microseconds of it. 1: there is more; 0: lists->need is there; -ENOMEM. */
MUST_USE int unindexed_needing_step(struct unindexed_needing *n, struct unindexed_lists *lists,
                                    const struct rows *vectors, const struct copies *copies);

/* The share of rows (0..1) that has recall `wanted` at k; 0: it was not measured. */
float unindexed_need(const struct unindexed_lists *lists, float wanted, uint32_t k);
