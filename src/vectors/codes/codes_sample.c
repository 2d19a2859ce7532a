/* codes_sample.c -- sums and ranges of rows, and which rows are so far outside that they are left
 * out. */
#include "vectors/codes/codes_sample.h"

#include "base/memory.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define TRIM_ROWS    256
#define TRIM_CENTRES 8
#define TRIM_VALUES  65536
#define TRIM_TIMES   4 /* of the distance that 9 of 10 rows lie within */

int codes_sample_init(struct codes_sample *p, uint32_t dim)
{
    uint8_t *bytes = memory_aligned((size_t)dim * (2 * sizeof(double) + 2 * sizeof(float)));
    if (!bytes)
        return -ENOMEM;
    *p = (struct codes_sample){.sum = (double *)bytes, .whole = true};
    p->sum_squares = p->sum + dim;
    p->min = (float *)(p->sum_squares + dim);
    p->max = p->min + dim;
    for (uint32_t j = 0; j < dim; j++) {
        p->min[j] = INFINITY;
        p->max[j] = -INFINITY;
    }
    return 0;
}

void codes_sample_fini(struct codes_sample *p)
{
    memory_free(p->sum);
    *p = (struct codes_sample){0};
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The distance from centre that a share of the rows lies within. */
static float quantile(const float *centre, const struct rows *vectors, uint32_t count, uint32_t looked_at, uint32_t dim,
                      float share)
{
    float distance[TRIM_ROWS];
    for (uint32_t i = 0; i < looked_at; i++)
        distance[i] = vek.l2_f32(centre, rows_at(vectors, (uint32_t)((uint64_t)i * count / looked_at)), dim);
    qsort(distance, looked_at, sizeof(*distance), ascending);
    return distance[(uint32_t)(share * (float)(looked_at - 1))];
}

void codes_sample_trim(struct codes_sample *p, const struct rows *vectors, uint32_t count, uint32_t dim)
{
    uint32_t rows = TRIM_VALUES / dim;
    rows = rows > TRIM_ROWS ? TRIM_ROWS : rows < TRIM_CENTRES ? TRIM_CENTRES : rows;
    rows = rows < count ? rows : count;
    if (rows < TRIM_CENTRES)
        return;
    float least = INFINITY;
    /* the row that half of the others lie nearest to */
    for (uint32_t i = 0; i < TRIM_CENTRES; i++) {
        const float *row = rows_at(vectors, (uint32_t)((i + 0.5) / TRIM_CENTRES * count));
        const float half = quantile(row, vectors, count, rows, dim, 0.5f);
        if (half < least) {
            least = half;
            p->centre = row;
        }
    }
    if (p->centre)
        p->limit = TRIM_TIMES * TRIM_TIMES * quantile(p->centre, vectors, count, rows, dim, 0.9f);
}

void codes_sample_add(struct codes_sample *p, const float *x, uint32_t dim)
{
    bool whole = true;
    const bool far = p->centre && vek.l2_f32(p->centre, x, dim) > p->limit;
    for (uint32_t j = 0; j < dim && far; j++)
        whole &= x[j] >= 0 && x[j] <= 255 && x[j] == (float)(uint8_t)(x[j] >= 0 && x[j] <= 255 ? x[j] : 0);
    if (far) {
        p->whole = p->whole && whole;
        return;
    }
    for (uint32_t j = 0; j < dim; j++) {
        float v = x[j];
        p->min[j] = v < p->min[j] ? v : p->min[j];
        p->max[j] = v > p->max[j] ? v : p->max[j];
        p->sum[j] += v;
        p->sum_squares[j] += (double)v * v;
        whole &= v >= 0 && v <= 255 && v == (float)(uint8_t)(v >= 0 && v <= 255 ? v : 0);
    }
    p->whole = p->whole && whole;
    p->rows++;
}

float codes_sample_largest(const struct codes_sample *p, uint32_t dim)
{
    float largest = 0;
    for (uint32_t j = 0; j < dim && p->rows > 0; j++)
        largest = fmaxf(largest, fmaxf(fabsf(p->min[j]), fabsf(p->max[j])));
    return largest;
}
