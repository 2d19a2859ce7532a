/* vectors.c -- normalises and checks vectors when they arrive, and computes exact distances. */
#include "vectors/vectors.h"

#include "vek.h"
#include <math.h>
#include <string.h>

bool vectors_normalise(float *v, uint32_t dim)
{
    double sum = 0; /* in a float, squares of valid values could overflow or vanish */
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)v[i] * v[i];
    if (!(sum > 0) || !isfinite(sum))
        return false;
    double scale = 1 / sqrt(sum);
    for (uint32_t i = 0; i < dim; i++)
        v[i] = (float)(v[i] * scale);
    return true;
}

#define LANES 8
/* if all values of a query are smaller, its products with usual values may vanish */
#define SMALL_DIMS 1e-18f

/* Computes a distance in doubles, which hold the squares of all floats, for the rare
 * case that floats do not. */
static double distance_in_doubles(enum metric metric, const float *a, const float *b, uint32_t dim)
{
    double sums[LANES] = {0}, sum = 0;
    const bool ip = metric == METRIC_IP;
    for (uint32_t j = 0; j < dim; j++) {
        const double x = (double)a[j], y = (double)b[j];
        sums[j % LANES] += ip ? -x * y : (x - y) * (x - y);
    }
    for (unsigned lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return metric == METRIC_COSINE ? sum / 2 : sum;
}

/* Compares the bits of numbers without their signs, which order as magnitudes do. In lanes
 * of integers, because compilers vectorise those. A comparison of floats they do not
 * vectorise, because of NaN. */
float vectors_largest(const float *v, uint32_t dim)
{
    int32_t lanes[LANES] = {0}, most = 0, bits[LANES];
    for (uint32_t j = 0; j + LANES <= dim; j += LANES) {
        memcpy(bits, v + j, sizeof(bits));
        for (uint32_t lane = 0; lane < LANES; lane++) {
            const int32_t size = bits[lane] & INT32_MAX;
            lanes[lane] = size > lanes[lane] ? size : lanes[lane];
        }
    }
    for (uint32_t j = dim / LANES * LANES; j < dim; j++) {
        memcpy(bits, v + j, sizeof(*bits));
        most = (bits[0] & INT32_MAX) > most ? bits[0] & INT32_MAX : most;
    }
    for (unsigned lane = 0; lane < LANES; lane++)
        most = lanes[lane] > most ? lanes[lane] : most;
    float largest;
    memcpy(&largest, &most, sizeof(largest));
    return largest;
}

/* Nearly always all values are finite. The largest magnitude says so with an eighth
 * of the instructions. */
int64_t vectors_first_bad(const float *v, size_t n)
{
    if (isfinite(vectors_largest(v, (uint32_t)n)))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return (int64_t)i;
    return -1;
}

/* Whether a distance computed in floats is valid. A sum of 0 mostly is right: the row is
 * compared with itself, or the two have no dimension in common. */
static bool is_right(enum metric metric, float distance, const float *a, const float *b, uint32_t dim)
{
    const float size = fabsf(distance);
    if (size >= DISTANCE_SMALL && size <= DISTANCE_LARGE)
        return true;
    if (size != 0)
        return false;
    return metric == METRIC_IP ? vectors_largest(a, dim) > SMALL_DIMS : memcmp(a, b, dim * sizeof(float)) == 0;
}

static float repaired(enum metric metric, float distance, const float *a, const float *b, uint32_t dim)
{
    if (is_right(metric, distance, a, b, dim))
        return distance;
    return distance_of(distance_in_doubles(metric, a, b, dim));
}

float vectors_distance(enum metric metric, const float *a, const float *b, uint32_t dim)
{
    float distance = metric == METRIC_IP ? -vek.ip_f32(a, b, dim) : vek.l2_f32(a, b, dim);
    if (metric == METRIC_COSINE)
        distance /= 2;
    return repaired(metric, distance, a, b, dim);
}

/* Multiplies all distances. Returns whether one is out of the range of floats that are stored as
 * they are. Compares bits, so that compilers vectorise it. */
static bool scale(float *distances, uint32_t count, float factor)
{
    const float small = DISTANCE_SMALL, large = DISTANCE_LARGE;
    uint32_t least, most, wrong = 0;
    memcpy(&least, &small, sizeof(least));
    memcpy(&most, &large, sizeof(most));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits;
        distances[i] *= factor;
        memcpy(&bits, &distances[i], sizeof(bits));
        bits &= INT32_MAX;
        /* sets the top bit if one of the differences is negative */
        wrong |= (most - bits) | (bits - least);
    }
    return wrong >> 31;
}

void vectors_distances(enum metric metric, const float *query, const void *const *rows, uint32_t count, uint32_t dim,
                       float *ret)
{
    const float factor = metric == METRIC_IP ? -1 : metric == METRIC_COSINE ? 0.5f : 1;
    if (metric == METRIC_IP)
        vek.ip_f32_rows(query, rows, count, dim, ret);
    else
        vek.l2_f32_rows(query, rows, count, dim, ret);
    const bool wrong = scale(ret, count, factor);
    for (uint32_t i = 0; i < count && wrong; i++)
        ret[i] = repaired(metric, ret[i], query, rows[i], dim);
}
