/* index_plan.h -- how the index of one segment is made: chooses for the segment what the options of
 * the collection leave open.
 *
 * m and ef_construct are chosen before the first row, by the number of rows to come. Code and
 * refine are chosen when all rows are there, by the data and by the memory that is left. */
#pragma once

#include "shards/shard.h"

/* Chooses what a build needs from its first row on. rows: how many will come. */
void index_plan_begin(struct index_plan *p, const struct collection_config *c, uint32_t rows);
/* Chooses the rest, and finishes the index with it (segment_index_finish()). After a pause has
 * ended it, it may be called again. */
MUST_USE int index_plan_finish(struct index_plan *p, const struct shard *s, struct segment_index *x,
                               const struct rows *vectors, uint32_t rows, const struct pause *pause);
/* Whether a rewrite of the sealed segment g would make its index smaller, under the
 * present memory pressure. */
bool index_plan_would_shrink(const struct shard *s, const struct segment *g);
