#include "dataset.h"
#include "parallel.h"
#include "random.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LATENT 64
#define PIECE  256 /* rows that a thread makes at a time */

/* Axis i is (i + 1)^-3/4 as long as the first, so half a dozen axes carry most of the variance. The
 * lengths are scaled so that the input of tanh has variance 1. */
static void draw_latent(struct random *r, float *latent)
{
    double sum = 0;
    for (int i = 0; i < LATENT; i++)
        sum += pow(i + 1.0, -1.5);
    for (int i = 0; i < LATENT; i++)
        latent[i] = (float)(random_normal(r) * pow(i + 1.0, -0.75) / sqrt(sum));
}

static void map_row(const float *map, uint32_t dim, const float *latent, float *row)
{
    memset(row, 0, dim * sizeof(*row));
    for (int i = 0; i < LATENT; i++)
        for (uint32_t d = 0; d < dim; d++)
            row[d] += map[(size_t)i * dim + d] * latent[i];
    double length = 0;
    for (uint32_t d = 0; d < dim; d++) {
        row[d] = tanhf(row[d]);
        length += (double)row[d] * row[d];
    }
    float scale = (float)(1 / sqrt(length));
    for (uint32_t d = 0; d < dim; d++)
        row[d] *= scale;
}

struct making {
    struct dataset *data;
    const float *map;
    uint64_t seed;
};

/* Each row has a random stream of its own, so that the result does not depend on the thread. Rows
 * from count on are queries. */
static void make_rows(void *arg, uint32_t from, uint32_t to)
{
    struct making *m = arg;
    struct dataset *d = m->data;
    float latent[LATENT];
    for (uint32_t row = from; row < to; row++) {
        struct random dice = {m->seed + row};
        struct random r = {random_u64(&dice)};
        draw_latent(&r, latent);
        map_row(m->map, d->dim, latent,
                row < d->count ? d->base + (size_t)row * d->dim : d->queries + (size_t)(row - d->count) * d->dim);
    }
}

int dataset_synthesise(struct dataset *d, uint64_t seed, struct error *e)
{
    d->base = malloc((size_t)d->count * d->dim * sizeof(float));
    d->queries = malloc((size_t)d->query_count * d->dim * sizeof(float));
    float *map = malloc((size_t)d->dim * LATENT * sizeof(float));
    if (!d->base || !d->queries || !map) {
        free(map);
        return error_set_errno(e, -ENOMEM, "%u rows of %u dimensions", d->count, d->dim);
    }
    struct random r = {seed};
    for (size_t i = 0; i < (size_t)d->dim * LATENT; i++)
        map[i] = (float)random_normal(&r);
    struct making m = {.data = d, .map = map, .seed = random_u64(&r)};
    struct progress p;
    progress_start(&p, "making rows", d->count + d->query_count);
    parallel_run(d->count + d->query_count, PIECE, make_rows, &m, &p);
    progress_end(&p);
    free(map);
    return 0;
}
