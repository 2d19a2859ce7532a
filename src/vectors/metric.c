/* metric.c -- distances beyond what a float holds.
 *
 * Squares of values from 1e19 on are too large for a float, those of values below 1e-19 too
 * small. Users have both, in their units. Magnitudes above 1e37 are stored by their logarithm,
 * between 1e37 and the largest float, 3.4e38. There is room for all such sums, in steps of a
 * hundred-thousandth of a magnitude. Magnitudes below 1e-37 are stored in the same way, down to
 * the smallest float of full precision. */
#include "vectors/metric.h"

#include <float.h>

/* a doubling takes 1/5 of DISTANCE_LARGE, so up to 2^150 times it has room */
#define LARGE_DOUBLINGS 5.0
#define SMALL_DOUBLINGS 205.0 /* halvings that fit below DISTANCE_SMALL */

float distance_of(double value)
{
    const double size = fabs(value), large = (double)DISTANCE_LARGE, small = (double)DISTANCE_SMALL;
    double distance = size;
    if (size > large)
        distance = large * (1 + log2(size / large) / LARGE_DOUBLINGS);
    else if (size > 0 && size < small)
        distance = small * (1 - log2(small / size) / SMALL_DOUBLINGS);
    return (float)copysign(fmin(distance, (double)FLT_MAX), value);
}

float distance_value(float distance)
{
    const double size = fabs((double)distance), large = (double)DISTANCE_LARGE, small = (double)DISTANCE_SMALL;
    double value = size;
    if (size > large)
        value = large * exp2((size / large - 1) * LARGE_DOUBLINGS);
    else if (size > 0 && size < small)
        value = small * exp2(-(1 - size / small) * SMALL_DOUBLINGS);
    return (float)copysign(fmin(value, (double)FLT_MAX), (double)distance);
}
