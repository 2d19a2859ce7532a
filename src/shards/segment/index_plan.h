/* index_plan.h -- how the index of one segment is made: what the collection leaves open is
 * chosen for this segment.
 *
 * Links and candidates are chosen before its first row, by the rows it is going to have;
 * codes and what scores again when all rows are there, by what they are like and by the
 * memory that is left for them. */
#pragma once

#include "shards/shard.h"

/* The graph's part; rows: that are going to come. */
void index_plan_begin(struct index_plan *p, const struct collection_config *c, uint32_t rows);
/* The rest, once, and what the sealed index shall hold: may be called again after a pause ended
 * it. */
MUST_USE int index_plan_finish(struct index_plan *p, const struct shard *s, struct segment_index *x,
                               const struct rows *vectors, uint32_t rows, const struct pause *pause);
/* Would the sealed segment g be made smaller, as scarce as memory is now? */
bool index_plan_is_loose(const struct shard *s, const struct segment *g);
