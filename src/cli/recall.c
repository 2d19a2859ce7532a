/* recall.c -- counts hits of an answer. A point is a hit if it is among the true nearest, or as
 * near as the farthest of them, because equal distances are no miss. */
#include "cli/recall.h"

#include <math.h>

#define SCORE_TOLERANCE 1e-6f /* two kernels may add the same numbers in another order */

static bool as_near(enum kith_metric metric, float score, float bound)
{
    float slack = SCORE_TOLERANCE * (fabsf(bound) > 1 ? fabsf(bound) : 1);
    return metric == KITH_L2 ? score <= bound + slack : score >= bound - slack;
}

static bool contains(const struct kith_id *ids, size_t n, struct kith_id id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i].hi == id.hi && ids[i].lo == id.lo)
            return true;
    return false;
}

size_t recall_hits(enum kith_metric metric, size_t k, const struct kith_id *exact, const float *exact_scores,
                   size_t exact_count, const struct kith_id *found, const float *found_scores, size_t found_count)
{
    size_t hits = 0, n = exact_count < k ? exact_count : k;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < found_count && i < k; i++) {
        bool again = contains(found, i, found[i]); /* the same point twice counts once */
        hits += !again && (contains(exact, n, found[i]) || as_near(metric, found_scores[i], exact_scores[n - 1]));
    }
    return hits < n ? hits : n;
}
