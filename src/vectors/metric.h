/* metric.h -- how far two vectors are apart. Inside, a smaller distance is
 * nearer, for every metric:
 *   L2      the squared Euclidean distance
 *   IP      minus the inner product
 *   COSINE  1 minus the inner product of the normalised vectors, as half their squared distance: of
 *           nearly equal
 *           directions that keeps seven digits, and the product of floats none
 * Cosine vectors are normalised when they are written (vectors_normalise()). What users
 * see is metric_score(): squared Euclidean distance (less is nearer), inner product or
 * cosine (more is nearer).
 *
 * A distance is a float that is never infinite: magnitudes beyond 1e37 and below 1e-37 lie in what
 * is left of the floats by their logarithm, so that they keep their order (metric.c). */
#pragma once

#include <math.h>
#include <stdint.h>

/* on disk and on the wire: never renumbered */
enum metric { METRIC_L2 = 1, METRIC_IP = 2, METRIC_COSINE = 3 };

#define DIM_MAX 65536

#define DISTANCE_LARGE 1e37f /* magnitudes from here to the inverse of it are themselves */
#define DISTANCE_SMALL 1e-37f

/* Any magnitude as a distance. */
float distance_of(double value);
/* What a distance stands for, if it is a number that a float can hold, or else the nearest such. */
float distance_value(float distance);

/* A cosine is never beyond 1 and -1. */
static inline float metric_score(enum metric metric, float distance)
{
    if (metric == METRIC_COSINE)
        return fminf(fmaxf(1 - distance, -1), 1);
    const float value = distance_value(distance);
    return metric == METRIC_L2 ? value : -value;
}
