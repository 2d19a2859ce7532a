/* The true neighbours, and how many of them an answer has found.
 *
 * Each row is compared with four queries at a time in f32; what comes close is compared again in double, with SPARE candidates
 * more than are wanted, so that rounding does not choose. Nothing here uses the kernels that are being measured. */
#include "clock.h"
#include "dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES   16 /* partial sums: one AVX-512 register, two of AVX2, four of NEON */
#define QUERIES 4
#define SPARE   32

static double distance_exact(enum metric metric, const float *a, const float *b, uint32_t dim)
{
    double sum = 0;
    if (metric == METRIC_L2) {
        for (uint32_t i = 0; i < dim; i++)
            sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return sum;
    }
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)a[i] * b[i];
    return -sum;
}

static inline float lanes_sum(const float *lanes)
{
    float sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += lanes[l];
    return sum;
}

/* dim is a multiple of LANES: queries and rows are copied to padded places. */
static void distance_four(bool l2, const float *row, const float *queries, uint32_t dim, float *ret)
{
    float sum[QUERIES][LANES] = {0};
    if (l2) {
        for (uint32_t i = 0; i < dim; i += LANES)
            for (int q = 0; q < QUERIES; q++)
                for (int l = 0; l < LANES; l++) {
                    float difference = row[i + l] - queries[(size_t)q * dim + i + l];
                    sum[q][l] += difference * difference;
                }
    } else {
        for (uint32_t i = 0; i < dim; i += LANES)
            for (int q = 0; q < QUERIES; q++)
                for (int l = 0; l < LANES; l++)
                    sum[q][l] -= row[i + l] * queries[(size_t)q * dim + i + l];
    }
    for (int q = 0; q < QUERIES; q++)
        ret[q] = lanes_sum(sum[q]);
}

struct near {
    double distance;
    uint32_t row;
};

/* Keeps the `room` nearest, sorted; most rows are farther than the last and cost one comparison. */
static inline void keep(struct near *list, uint32_t *count, uint32_t room, float distance, uint32_t row)
{
    if (*count == room && distance >= list[room - 1].distance)
        return;
    uint32_t at = *count < room ? (*count)++ : room - 1;
    for (; at > 0 && list[at - 1].distance > distance; at--)
        list[at] = list[at - 1];
    list[at] = (struct near){distance, row};
}

static int compare_near(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

struct work {
    float *rows, *queries; /* padded copies: all rows, one group of queries */
    struct near *lists;    /* QUERIES x room */
    uint32_t dim, room;
};

static void find_group(struct dataset *d, struct work *w, uint32_t first)
{
    uint32_t group = d->query_count - first < QUERIES ? d->query_count - first : QUERIES, counts[QUERIES] = {0};
    for (uint32_t q = 0; q < group; q++)
        memcpy(w->queries + (size_t)q * w->dim, d->queries + (size_t)(first + q) * d->dim, d->dim * sizeof(float));
    for (uint32_t row = 0; row < d->count; row++) {
        float distances[QUERIES];
        distance_four(d->metric == METRIC_L2, w->rows + (size_t)row * w->dim, w->queries, w->dim, distances);
        for (uint32_t q = 0; q < group; q++)
            keep(w->lists + (size_t)q * w->room, &counts[q], w->room, distances[q], row);
    }
    for (uint32_t q = 0; q < group; q++) {
        struct near *list = w->lists + (size_t)q * w->room;
        const float *query = d->queries + (size_t)(first + q) * d->dim;
        for (uint32_t i = 0; i < counts[q]; i++)
            list[i].distance = distance_exact(d->metric, d->base + (size_t)list[i].row * d->dim, query, d->dim);
        qsort(list, counts[q], sizeof(*list), compare_near);
        for (uint32_t i = 0; i < d->truth_k; i++)
            d->truth[(size_t)(first + q) * d->truth_k + i] = list[i].row;
    }
}

int dataset_find_truth(struct dataset *d, struct error *e)
{
    if (d->truth_k > d->count)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%u neighbours are asked of %u rows", d->truth_k, d->count);
    struct work w = {.dim = (d->dim + LANES - 1) / LANES * LANES, .room = d->truth_k + SPARE};
    w.rows = calloc((size_t)d->count * w.dim, sizeof(float));
    w.queries = calloc((size_t)QUERIES * w.dim, sizeof(float));
    w.lists = calloc((size_t)QUERIES * w.room, sizeof(*w.lists));
    d->truth = calloc((size_t)d->query_count * d->truth_k, sizeof(*d->truth));
    int rc = w.rows && w.queries && w.lists && d->truth ? 0 : error_set_errno(e, -ENOMEM, "exact neighbours");
    struct progress p;
    progress_start(&p, "exact neighbours of queries", d->query_count);
    for (uint32_t row = 0; rc == 0 && row < d->count; row++)
        memcpy(w.rows + (size_t)row * w.dim, d->base + (size_t)row * d->dim, d->dim * sizeof(float));
    for (uint32_t q = 0; rc == 0 && q < d->query_count; q += QUERIES) {
        find_group(d, &w, q);
        progress_at(&p, q);
    }
    progress_end(&p);
    free(w.rows);
    free(w.queries);
    free(w.lists);
    return rc;
}

int recall_init(struct recall *r, const struct dataset *d, uint32_t k)
{
    check(k >= 1 && k <= d->truth_k);
    *r = (struct recall){.data = d, .k = k, .bound = malloc(d->query_count * sizeof(double))};
    if (!r->bound)
        return -ENOMEM;
    for (uint32_t q = 0; q < d->query_count; q++) {
        double farthest = -INFINITY;
        for (uint32_t i = 0; i < k; i++) {
            uint32_t row = d->truth[(size_t)q * d->truth_k + i];
            double distance =
                distance_exact(d->metric, d->base + (size_t)row * d->dim, d->queries + (size_t)q * d->dim, d->dim);
            farthest = distance > farthest ? distance : farthest;
        }
        /* Normalising in f32 moves a distance in the seventh digit. */
        r->bound[q] = farthest + 1e-6 * fabs(farthest);
    }
    return 0;
}

void recall_fini(struct recall *r)
{
    free(r->bound);
    r->bound = NULL;
}

uint32_t recall_count(const struct recall *r, uint32_t query, const uint32_t *rows, uint32_t count)
{
    const struct dataset *d = r->data;
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && i < r->k; i++) {
        bool seen = rows[i] >= d->count;
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = rows[j] == rows[i];
        if (seen)
            continue;
        double distance =
            distance_exact(d->metric, d->base + (size_t)rows[i] * d->dim, d->queries + (size_t)query * d->dim, d->dim);
        found += distance <= r->bound[query];
    }
    return found;
}
