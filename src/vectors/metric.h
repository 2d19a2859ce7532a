/* metric.h -- how far two vectors are apart. Inside the server a smaller distance is
 * nearer, for every metric:
 *
 *   L2      the squared Euclidean distance
 *   IP      minus the inner product
 *   COSINE  1 minus the inner product of the normalised vectors, computed as half their
 *           squared distance. For nearly equal directions that keeps seven digits; an
 *           inner product of floats would keep none
 *
 * Cosine vectors are normalised when they are written (vectors_normalise()). Users see
 * metric_score(): the squared Euclidean distance (less is nearer), the inner product, or the
 * cosine (more is nearer).
 *
 * A distance is a float that is never infinite. Magnitudes above 1e37 and below 1e-37
 * are stored by their logarithm, in the rest of the range of floats, so that they keep
 * their order (metric.c). */
#pragma once

#include <math.h>
#include <stdint.h>

/* on disk and on the wire: never renumbered */
enum metric { METRIC_L2 = 1, METRIC_IP = 2, METRIC_COSINE = 3 };

#define DIM_MAX 65536

#define DISTANCE_LARGE 1e37f /* from 1 / DISTANCE_LARGE to here, a magnitude is stored as it is */
#define DISTANCE_SMALL 1e-37f

/* Stores any magnitude as a distance. */
float distance_of(double value);
/* The magnitude that a distance stands for, or the nearest one that a float holds. */
float distance_value(float distance);

/* The score that users see. A cosine is clamped to -1..1. */
static inline float metric_score(enum metric metric, float distance)
{
    if (metric == METRIC_COSINE)
        return fminf(fmaxf(1 - distance, -1), 1);
    const float value = distance_value(distance);
    return metric == METRIC_L2 ? value : -value;
}
