/* early_end.h -- when a walk may end before it has expanded all of its ef candidates. A header of
 * its own, because the walk and its test call the rule.
 *
 * A walk expands its candidates from near to far. Let the next candidate be at place p among all
 * that were found, and r times as far as the k-th. Of a query that has its neighbours, candidates
 * soon are clearly farther. Of a hard query, they go on being nearly as near. So the walk ends when
 *
 *     p * r^16 >= 8 * ef
 *
 * but not where codes cannot tell the first k from the query. At least the k nearest are expanded,
 * as in a walk with a beam of k. Here k is no smaller than the smallest beam of the segment's
 * curve, with which hnsw_reach.c finds each row by its own vector. So walks that end early find the
 * row, too.
 *
 * The curve of a segment (recall_measure.h) is measured with this rule in force. So the ef that a
 * wanted recall takes is the threshold that was found for this segment's own queries. The two
 * constants serve all data. Models of two and six features and boosted trees, trained on half of
 * the queries of each of five sets, spared up to a tenth more distances at some recalls and fewer
 * at others (docs/performance.md).
 *
 * After: Al-Jazzazi and others, Distance Adaptive Beam Search (arXiv 2505.15636); Chatzakis and
 * others, DARTH (arXiv 2505.19001). Departures:
 *  1. Distance Adaptive Beam Search compares r alone; here the place p counts, too.
 *  2. DARTH predicts the recall reached by a trained model; here two constants serve. */
#pragma once

#include "vek.h"
#include <math.h>
#include <stdint.h>

/* a walk whose k-th candidate is no nearer than the next ends at ef all the same */
#define EARLY_END_SPARE 8

static inline float early_end_power(float r)
{
    for (int i = 0; i < 4; i++)
        r *= r;
    return r;
}

/* What distances are compared with: that of the k-th, or, under the inner product, of the first
 * where it is the larger number. */
static inline float early_end_unit(const struct vek_nearest *near, uint32_t k)
{
    return fmaxf(fabsf(near->distances[0]), fabsf(near->distances[k - 1]));
}

/* Is the candidate at `place`, which is to be expanded next, too far beyond the k-th?
 * The pool's limit is ef. */
static inline bool early_end_is_due(const struct vek_nearest *near, uint32_t place, uint32_t k)
{
    if (place < k)
        return false;
    const float beyond = near->distances[place] - near->distances[k - 1], unit = early_end_unit(near, k);
    return unit > 0 && early_end_power(1 + beyond / unit) * (float)place >= EARLY_END_SPARE * (float)near->limit;
}

/* r of candidates that are never expanded, whatever comes, as at least k are nearer; less 1. */
static inline float early_end_reach(uint32_t ef, uint32_t k)
{
    return powf(EARLY_END_SPARE * (float)ef / (float)k, 1 / 16.0f) - 1;
}

/* Candidates need be nearer than that. At least k were found. */
static inline float early_end_bound(const struct vek_nearest *near, uint32_t k, float reach)
{
    const float unit = early_end_unit(near, k);
    return unit > 0 ? near->distances[k - 1] + unit * reach : INFINITY;
}
