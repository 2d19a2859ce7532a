#include "scores.h"

#include <math.h>
#include <string.h>

#define ROUNDING 1e-3 /* error of a cosine: a search may read only codes of 16 bits */
#define ROUNDED  1e-5 /* error of a component of a vector of length 1 */

static double product_of(uint32_t dim, const float *a, const float *b)
{
    double sum = 0;
    for (uint32_t d = 0; d < dim; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

double score_of(Kith__Metric metric, uint32_t dim, const float *a, const float *b)
{
    const double product = product_of(dim, a, b);
    if (metric == KITH__METRIC__METRIC_IP)
        return product;
    const double aa = product_of(dim, a, a), bb = product_of(dim, b, b);
    return metric == KITH__METRIC__METRIC_L2 ? aa + bb - 2 * product : product / sqrt(aa * bb);
}

static double rounding(Kith__Metric metric)
{
    return metric == KITH__METRIC__METRIC_COSINE ? ROUNDING : 0;
}

bool score_is_nearer(Kith__Metric metric, double a, double b)
{
    return metric == KITH__METRIC__METRIC_L2 ? a < b : a > b + rounding(metric);
}

bool score_is_same(Kith__Metric metric, double a, double b)
{
    return fabs(a - b) <= rounding(metric);
}

bool is_stored_as(Kith__Metric metric, uint32_t dim, const float *written, const float *stored)
{
    if (metric != KITH__METRIC__METRIC_COSINE)
        return memcmp(written, stored, dim * sizeof(*written)) == 0;
    const double length = sqrt(product_of(dim, written, written));
    for (uint32_t d = 0; d < dim; d++)
        if (fabs((double)written[d] / length - (double)stored[d]) > ROUNDED)
            return false;
    return true;
}

const char *metric_text(Kith__Metric metric)
{
    return metric == KITH__METRIC__METRIC_L2 ? "l2" : metric == KITH__METRIC__METRIC_IP ? "inner product" : "cosine";
}
