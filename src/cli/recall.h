/* recall.h -- how many of the true nearest an answer found. */
#pragma once

#include <kith/kith.h>

/* How many of the first k hits are as near as the k-th of the exact answer, ties by score included:
 * a hit that is in no exact list but scores the same as its last entry is right. Divide by the
 * number of exact hits, at most k. */
size_t recall_hits(enum kith_metric metric, size_t k, const struct kith_id *exact, const float *exact_scores,
                   size_t exact_count, const struct kith_id *found, const float *found_scores, size_t found_count);
