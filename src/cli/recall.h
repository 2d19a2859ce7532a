/* recall.h -- how many of the true nearest points an answer has. */
#pragma once

#include <kith/kith.h>

/* The number of the first k hits that are as near as the k-th exact one. A hit with the same
 * score as the last exact one counts, too. Recall is this divided by the number of exact hits,
 * at most k. */
size_t recall_hits(enum kith_metric metric, size_t k, const struct kith_id *exact, const float *exact_scores,
                   size_t exact_count, const struct kith_id *found, const float *found_scores, size_t found_count);
