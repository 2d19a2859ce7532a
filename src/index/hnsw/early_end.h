/* early_end.h -- when a walk may end before it has expanded all of its ef candidates. It is a
 * header of its own, because the walk and its test call the rule.
 *
 * A walk expands its candidates from near to far. Let the next candidate be at place p
 * among all that were found, and r times as far as the k-th. For an easy query, candidates
 * behind its neighbours soon are clearly farther. For a hard query, they stay nearly as
 * near. So the walk ends when
 *
 *   p * r^16 >= 8 * ef
 *
 * but not where codes cannot tell the first k from the query. At least the k nearest are
 * expanded, as in a walk with a beam of k. Here k is at least the smallest beam of the
 * segment's curve. With that beam hnsw_reach.c finds each row by its own vector, so walks that
 * end early find the row too.
 *
 * The curve of a segment (recall_measure.h) is measured with this rule. So the ef that it names
 * for a recall is a threshold that was measured with the segment's own queries. The two
 * constants serve all data. Models of two and six features and boosted trees were tried, each
 * trained on half of the queries of five data sets. They saved up to a tenth more distances at
 * some recalls and fewer at others (docs/performance.md).
 *
 * After: Al-Jazzazi and others, Distance Adaptive Beam Search (arXiv 2505.15636); Chatzakis and
 * others, DARTH (arXiv 2505.19001). Departures:
 * 1. Distance Adaptive Beam Search compares r alone; here the place p counts too.
 * 2. DARTH predicts the recall so far by a trained model; here two constants serve. */
#pragma once

#include "vek.h"
#include <math.h>
#include <stdint.h>

/* the factor 8: a walk whose next candidate is as near as the k-th (r = 1) never ends early */
#define EARLY_END_SPARE 8

static inline float early_end_power(float r)
{
    for (int i = 0; i < 4; i++)
        r *= r;
    return r;
}

/* The unit of distances: the distance of the k-th. Under the inner product it is that of the
 * first, if its absolute value is larger. */
static inline float early_end_unit(const struct vek_nearest *near, uint32_t k)
{
    return fmaxf(fabsf(near->distances[0]), fabsf(near->distances[k - 1]));
}

/* Whether to end: the candidate at `place`, which would be expanded next, is too far beyond the
 * k-th. near->limit is ef. */
static inline bool early_end_is_due(const struct vek_nearest *near, uint32_t place, uint32_t k)
{
    if (place < k)
        return false;
    const float beyond = near->distances[place] - near->distances[k - 1], unit = early_end_unit(near, k);
    return unit > 0 && early_end_power(1 + beyond / unit) * (float)place >= EARLY_END_SPARE * (float)near->limit;
}

/* r - 1 of candidates that will never be expanded, because at least k are nearer. */
static inline float early_end_reach(uint32_t ef, uint32_t k)
{
    return powf(EARLY_END_SPARE * (float)ef / (float)k, 1 / 16.0f) - 1;
}

/* Candidates at this distance or farther need not be kept. At least k candidates were found. */
static inline float early_end_bound(const struct vek_nearest *near, uint32_t k, float reach)
{
    const float unit = early_end_unit(near, k);
    return unit > 0 ? near->distances[k - 1] + unit * reach : INFINITY;
}
