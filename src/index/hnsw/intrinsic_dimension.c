/* intrinsic_dimension.c -- measures the intrinsic dimension: some rows are compared with
 * an even sample of all rows. Vectors may move at a pause, so their addresses are looked
 * up again after each. */
#include "index/hnsw/intrinsic_dimension.h"

#include "vectors/metric.h"
#include <math.h>

#define ASKED           96 /* rows whose neighbours are searched for */
#define NEIGHBOURS      10
#define BATCH           32 /* rows compared at once */
#define BYTES_PER_PAUSE (64 * 1024)

struct nearest {
    float distance[NEIGHBOURS]; /* squared, ascending */
    uint32_t count;
};

/* Adds a distance. A row at distance 0 is a copy and tells nothing; an infinite distance or a
 * NaN tells nothing either. */
static void take(struct nearest *n, float distance)
{
    if (!(distance > 0 && distance < INFINITY) || (n->count == NEIGHBOURS && distance >= n->distance[NEIGHBOURS - 1]))
        return;
    uint32_t at = n->count < NEIGHBOURS ? n->count++ : NEIGHBOURS - 1;
    for (; at > 0 && n->distance[at - 1] > distance; at--)
        n->distance[at] = n->distance[at - 1];
    n->distance[at] = distance;
}

/* The inverse of the intrinsic dimension at one row. The distances are squared, so their
 * logarithms are halved. */
static double inverse_of(const struct nearest *n)
{
    double sum = 0;
    for (uint32_t i = 0; i + 1 < NEIGHBOURS; i++)
        sum += log((double)n->distance[NEIGHBOURS - 1]) - log((double)n->distance[i]);
    return sum / 2 / (NEIGHBOURS - 1);
}

static float conclude(const struct nearest *nearest, uint32_t asked)
{
    double sum = 0;
    uint32_t told = 0;
    for (uint32_t i = 0; i < asked; i++) {
        if (nearest[i].count < NEIGHBOURS)
            continue;
        sum += inverse_of(&nearest[i]);
        told++;
    }
    return told > asked / 2 && sum > 0 ? (float)(told / sum) : 0;
}

int intrinsic_dimension_measure(const struct rows *vectors, uint32_t rows, uint32_t dim, const struct pause *pause,
                                float *ret, uint32_t *ret_rows)
{
    struct nearest nearest[ASKED] = {0};
    const uint32_t step = (rows + DIMENSION_ROWS_MAX - 1) / DIMENSION_ROWS_MAX;
    const uint32_t sample = step ? rows / step : 0, asked = sample < ASKED ? sample : ASKED;
    uint32_t pending = 0;
    for (uint32_t from = 0; from < sample; from += BATCH) {
        for (uint32_t q = 0; q < asked; q++) {
            const void *batch[BATCH];
            float distance[BATCH];
            uint32_t n = 0;
            for (; n < BATCH && from + n < sample; n++)
                batch[n] = rows_at(vectors, (from + n) * step);
            const uint32_t row = (uint32_t)((uint64_t)q * sample / asked) * step;
            vectors_distances(METRIC_L2, rows_at(vectors, row), batch, n, dim, distance);
            for (uint32_t i = 0; i < n; i++)
                take(&nearest[q], distance[i]);
            pending += n * dim * (uint32_t)sizeof(float);
            const int rc = pending >= BYTES_PER_PAUSE ? pause_here(pause) : 0;
            if (rc != 0)
                return rc;
            pending = pending >= BYTES_PER_PAUSE ? 0 : pending;
        }
    }
    *ret = conclude(nearest, asked);
    *ret_rows = sample;
    return 0;
}
