/* vectors.c -- what is done to a vector when it arrives. */
#include "index/segment_index.h"

#include "vek.h"
#include <math.h>

bool vectors_normalise(float *v, uint32_t dim)
{
    double sum = 0; /* a float would overflow, or vanish, for values a float can hold */
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)v[i] * v[i];
    if (!(sum > 0) || !isfinite(sum))
        return false;
    double scale = 1 / sqrt(sum);
    for (uint32_t i = 0; i < dim; i++)
        v[i] = (float)(v[i] * scale);
    return true;
}

int64_t vectors_first_bad(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return (int64_t)i;
    return -1;
}

float vectors_distance(enum metric metric, const float *a, const float *b, uint32_t dim)
{
    return metric == METRIC_L2 ? vek.l2_f32(a, b, dim) : -vek.ip_f32(a, b, dim);
}
