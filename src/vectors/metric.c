/* metric.c -- distances beyond what a float tells apart.
 *
 * Squares of values from 1e19 on are more than a float holds, those of values below 1e-19 less;
 * users have both, in units that fit their things. Between 1e37 and the largest float, 3.4e38,
 * there is room for the logarithms of all such sums, in steps of a hundred-thousandth of a
 * magnitude; likewise between 1e-37 and the smallest float of full precision. */
#include "vectors/metric.h"

#include <float.h>

/* a doubling is so many parts of DISTANCE_LARGE: up to 2^150 times it */
#define LARGE_DOUBLINGS 5.0
#define SMALL_DOUBLINGS 205.0 /* halvings that go into 1 - 1 / 8 of DISTANCE_SMALL, and more */

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
