/* zoo_truth.c -- computes in double and tolerates the rounding of f32. A sum of products is
 * exact to a few units of the sum of its magnitudes, so rows with closer distances may come in
 * any order. */
#include "ann/zoo_truth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ROUNDING 0x1p-22 /* four units of f32 */

/* Adds to *ret_error the possible rounding error of the distance. */
static double distance(const struct zoo_truth *t, const float *a, const float *b, double *ret_error)
{
    double sum = 0, magnitude = 0;
    for (uint32_t d = 0; d < t->set->dim; d++) {
        const double x = a[d], y = b[d], term = t->metric == METRIC_L2 ? (x - y) * (x - y) : -x * y;
        sum += term;
        magnitude += fabs(term);
    }
    *ret_error = ROUNDING * magnitude;
    return sum;
}

static const float *row_of(const struct zoo_set *s, uint32_t row)
{
    return s->rows + (size_t)row * s->dim;
}

static const float *query_of(const struct zoo_set *s, uint32_t query)
{
    return s->queries + (size_t)query * s->dim;
}

struct nearest {
    double distance[ZOO_K], error[ZOO_K];
    unsigned count;
};

static void nearest_add(struct nearest *n, double distance, double error)
{
    if (n->count == ZOO_K && distance >= n->distance[ZOO_K - 1])
        return;
    unsigned at = n->count < ZOO_K ? n->count++ : ZOO_K - 1;
    for (; at > 0 && n->distance[at - 1] > distance; at--) {
        n->distance[at] = n->distance[at - 1];
        n->error[at] = n->error[at - 1];
    }
    n->distance[at] = distance;
    n->error[at] = error;
}

int zoo_truth_init(struct zoo_truth *t, const struct zoo_set *set, enum metric metric, const uint8_t *allowed)
{
    *t =
        (struct zoo_truth){.set = set, .metric = metric, .bound = malloc((size_t)set->query_count * sizeof(*t->bound))};
    if (!t->bound)
        return -ENOMEM;
    for (uint32_t q = 0; q < set->query_count; q++) {
        struct nearest n = {.count = 0};
        for (uint32_t row = 0; row < set->count; row++) {
            double error;
            if (!allowed || allowed[row]) {
                const double far = distance(t, query_of(set, q), row_of(set, row), &error);
                nearest_add(&n, far, error);
            }
        }
        t->bound[q] = n.count ? n.distance[n.count - 1] + n.error[n.count - 1] : -INFINITY;
    }
    return 0;
}

void zoo_truth_fini(struct zoo_truth *t)
{
    free(t->bound);
    *t = (struct zoo_truth){0};
}

uint32_t zoo_truth_count(const struct zoo_truth *t, uint32_t query, const uint32_t *rows, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && i < ZOO_K; i++) {
        bool twice = rows[i] >= t->set->count;
        for (uint32_t j = 0; j < i && !twice; j++)
            twice = rows[j] == rows[i];
        double error;
        found += !twice && distance(t, query_of(t->set, query), row_of(t->set, rows[i]), &error) <= t->bound[query];
    }
    return found;
}

/* Whether exact search finds k or more rows nearer than the row itself: under the inner product
 * longer rows are nearer to many vectors. */
static bool is_no_answer(const struct zoo_truth *t, uint32_t row, double own)
{
    uint32_t nearer = 0;
    double error;
    for (uint32_t other = 0; other < t->set->count && nearer < ZOO_K; other++)
        nearer += distance(t, row_of(t->set, row), row_of(t->set, other), &error) < own;
    return nearer >= ZOO_K;
}

bool zoo_truth_own(const struct zoo_truth *t, uint32_t row, const uint32_t *rows, uint32_t count)
{
    double error, other;
    const double own = distance(t, row_of(t->set, row), row_of(t->set, row), &error);
    uint32_t as_near = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == row)
            return true;
        as_near += distance(t, row_of(t->set, row), row_of(t->set, rows[i]), &other) <= own + error;
    }
    return as_near >= ZOO_K || is_no_answer(t, row, own);
}
