/* metric.h -- how far apart two vectors are.
 *
 * Inside Kith a distance is a float of which smaller is nearer, for every metric:
 *   L2      the squared Euclidean distance
 *   IP      minus the inner product
 *   COSINE  minus the inner product of the normalised vectors, so -1 is the same direction
 * Cosine vectors are normalised when they are written (vectors_normalise()), so that searching them is inner product.
 * What users see is metric_score(): squared Euclidean distance (less is nearer), inner product or cosine (more is nearer). */
#pragma once

#include <stdint.h>

enum metric { METRIC_L2 = 1, METRIC_IP = 2, METRIC_COSINE = 3 }; /* on disk and on the wire: never renumbered */

#define DIM_MAX 65536

static inline float metric_score(enum metric metric, float distance)
{
    return metric == METRIC_L2 ? distance : -distance;
}
