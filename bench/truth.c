/* truth.c -- finds the true neighbours, and counts how many of them an answer has.
 *
 * Rows are compared with four queries at a time in f32, tile by tile. The nearest, and SPARE more
 * than are wanted, are compared again in double, so that rounding does not decide. This file does
 * not use the kernels that are measured. */
#include "dataset.h"
#include "parallel.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LANES   16 /* partial sums: one AVX-512 register, two of AVX2, four of NEON */
#define QUERIES 4
#define SPARE   32
#define TILE    64 /* rows */
#define PIECE   32 /* queries that a thread takes at a time */

double dataset_distance(const struct dataset *d, uint32_t query, uint32_t row)
{
    const float *a = d->base + (size_t)row * d->dim, *b = d->queries + (size_t)query * d->dim;
    double sum = 0;
    if (d->metric == METRIC_L2) {
        for (uint32_t i = 0; i < d->dim; i++)
            sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return sum;
    }
    for (uint32_t i = 0; i < d->dim; i++)
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

/* dim is a multiple of LANES, because queries and rows were copied with padding. */
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

/* Keeps the `room` nearest, sorted. Most rows are farther than the last and cost one comparison. */
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

struct finding {
    struct dataset *data;
    float *rows, *queries; /* padded copies */
    uint32_t dim, room;    /* dim of a padded row; room of a list */
    atomic_bool no_memory;
};

/* Compares one tile of rows, which stays in the cache, with queries [from, to). */
static void tile_compare(const struct finding *f, uint32_t row_from, uint32_t row_to, uint32_t from, uint32_t to,
                         struct near *lists, uint32_t *counts)
{
    bool l2 = f->data->metric == METRIC_L2;
    for (uint32_t q = from; q < to; q += QUERIES)
        for (uint32_t row = row_from; row < row_to; row++) {
            /* the padded queries end with QUERIES unused rows */
            float distances[QUERIES];
            distance_four(l2, f->rows + (size_t)row * f->dim, f->queries + (size_t)q * f->dim, f->dim, distances);
            for (uint32_t i = 0; i < QUERIES && q + i < to; i++)
                keep(lists + (size_t)(q + i - from) * f->room, &counts[q + i - from], f->room, distances[i], row);
        }
}

static void list_finish(const struct finding *f, uint32_t query, struct near *list, uint32_t count)
{
    struct dataset *d = f->data;
    for (uint32_t i = 0; i < count; i++)
        list[i].distance = dataset_distance(d, query, list[i].row);
    qsort(list, count, sizeof(*list), compare_near);
    for (uint32_t i = 0; i < d->truth_k; i++)
        d->truth[(size_t)query * d->truth_k + i] = list[i].row;
}

static void find_piece(void *arg, uint32_t from, uint32_t to)
{
    struct finding *f = arg;
    struct near *lists = calloc((size_t)(to - from) * f->room, sizeof(*lists));
    uint32_t counts[PIECE] = {0}, count = f->data->count;
    if (!lists) {
        f->no_memory = true;
        return;
    }
    for (uint32_t row = 0; row < count; row += TILE)
        tile_compare(f, row, count - row < TILE ? count : row + TILE, from, to, lists, counts);
    for (uint32_t q = from; q < to; q++)
        list_finish(f, q, lists + (size_t)(q - from) * f->room, counts[q - from]);
    free(lists);
}

/* Copies rows of dim to rows of a multiple of LANES, with `more` rows of zeros behind them. */
static float *pad(const float *rows, uint32_t count, uint32_t dim, uint32_t padded, uint32_t more)
{
    float *copy = calloc(((size_t)count + more) * padded, sizeof(*copy));
    for (uint32_t row = 0; copy && row < count; row++)
        memcpy(copy + (size_t)row * padded, rows + (size_t)row * dim, dim * sizeof(float));
    return copy;
}

int dataset_find_truth(struct dataset *d, struct error *e)
{
    if (d->truth_k > d->count)
        return error_set(e, ERROR_INVALID_ARGUMENT, "%u neighbours are asked of %u rows", d->truth_k, d->count);
    struct finding f = {.data = d, .dim = (d->dim + LANES - 1) / LANES * LANES, .room = d->truth_k + SPARE};
    f.rows = pad(d->base, d->count, d->dim, f.dim, 0);
    f.queries = pad(d->queries, d->query_count, d->dim, f.dim, QUERIES);
    d->truth = calloc((size_t)d->query_count * d->truth_k, sizeof(*d->truth));
    if (f.rows && f.queries && d->truth) {
        struct progress p;
        progress_start(&p, "exact neighbours of queries", d->query_count);
        parallel_run(d->query_count, PIECE, find_piece, &f, &p);
        progress_end(&p);
    }
    bool lacking = !f.rows || !f.queries || !d->truth || f.no_memory;
    free(f.rows);
    free(f.queries);
    return lacking ? error_set_errno(e, -ENOMEM, "exact neighbours") : 0;
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
            double distance = dataset_distance(d, q, row);
            farthest = distance > farthest ? distance : farthest;
        }
        /* Normalising in f32 changes a distance in the seventh digit. */
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
        found += dataset_distance(d, query, rows[i]) <= r->bound[query];
    }
    return found;
}
