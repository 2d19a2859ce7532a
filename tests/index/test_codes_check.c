/* test_codes_check.c -- codes on data of every kind. A search by codes whose best are scored
 * again finds the true neighbours, while the index grows and when it is sealed; or finer codes
 * are chosen. The graph has no part in this. */
#include "dataset.h"

#include "base/memory.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define QUERIES 20
#define K       10

static double uniform(uint64_t *state)
{
    return ((double)(dataset_random(state) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    return sqrt(-2 * log(uniform(state))) * cos(6.283185307179586 * uniform(state));
}

/* Computes one value of a row; row_draw is one normal draw for the row. */
typedef double (*value_fn)(uint64_t *state, uint32_t row, uint32_t j, uint32_t dim, double row_draw);
#define VALUE(name, expression)                                                                                        \
    static double name(uint64_t *state, uint32_t row, uint32_t j, uint32_t dim, double row_draw)                       \
    {                                                                                                                  \
        (void)row, (void)j, (void)dim, (void)row_draw, (void)state;                                                    \
        return expression;                                                                                             \
    }
VALUE(plain, normal(state))
VALUE(column_100, normal(state) * (j == dim / 2 ? 100 : 1))
VALUE(column_10000, normal(state) * (j == dim / 2 ? 1e4 : 1))
VALUE(common_component, j == dim / 2 ? 50 : normal(state))
VALUE(around_1000, 1000 + normal(state))
VALUE(long_rows, normal(state) * (row % 300 == 7 ? 1000 : 1))
VALUE(many_lengths, normal(state) * exp(2 * row_draw))
VALUE(tiny_15, normal(state) * 1e-15)
VALUE(large_15, normal(state) * 1e15)
VALUE(power_law, normal(state) * pow(j + 1.0, -1.0))
VALUE(sparse, uniform(state) < 0.05 ? fabs(normal(state)) : 0)
VALUE(heavy_tails, tan(3.141592653589793 * (uniform(state) - 0.5)))
VALUE(zero_one, uniform(state) < 0.3)
VALUE(one_bit, j == row % dim ? 1.5 : 1)
VALUE(curve, sin(row_draw * 3 * (j + 1) / dim))
VALUE(few_constant, j % 3 ? 4 : normal(state))

static const struct kind {
    const char *name;
    value_fn value;
} kinds[] = {
    {"plain", plain},
    {"a column 100 times larger", column_100},
    {"a column 10 000 times larger", column_10000},
    {"a large equal component", common_component},
    {"values around 1000", around_1000},
    {"a few rows 1000 times longer", long_rows},
    {"lengths over many magnitudes", many_lengths},
    {"values of 1e-15", tiny_15},
    {"values of 1e15", large_15},
    {"power-law dimensions", power_law},
    {"mostly zeros", sparse},
    {"heavy tails", heavy_tails},
    {"zeros and ones", zero_one},
    {"rows equal but for one value", one_bit},
    {"a curve", curve},
    {"constant dimensions", few_constant},
};

static void make(struct dataset *d, value_fn value, enum metric metric, uint32_t dim, uint32_t count, uint64_t seed)
{
    *d = (struct dataset){.metric = metric, .dim = dim, .count = count};
    d->rows = (struct rows){.chunk = d->chunk, .stride = rows_stride(dim * sizeof(float)), .shift = 31};
    d->chunk[0] = memory_aligned((size_t)d->rows.stride * (count + 1));
    cr_assert_not_null(d->chunk[0]);
    for (uint32_t r = 0; r < count; r++) {
        const double draw = normal(&seed);
        for (uint32_t j = 0; j < dim; j++)
            dataset_row(d, r)[j] = (float)value(&seed, r, j, dim, draw);
        /* a vector of zeros has no direction */
        if (metric == METRIC_COSINE && !vectors_normalise(dataset_row(d, r), dim)) {
            dataset_row(d, r)[0] = 1;
        }
    }
}

/* Minus the inner product, or the squared distance, in doubles. */
static double truth_of(const struct dataset *d, const float *q, uint32_t row)
{
    const float *x = dataset_row(d, row);
    double sum = 0;
    for (uint32_t j = 0; j < d->dim; j++)
        sum += d->metric == METRIC_IP ? -(double)q[j] * x[j] : ((double)q[j] - x[j]) * ((double)q[j] - x[j]);
    return sum;
}

struct scored {
    double by, truth;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->by < y->by ? -1 : x->by > y->by;
}

/* How many of the K nearest rows are found when the `wanted` nearest by code are scored again by
 * `refine`, or by the vectors. */
static uint32_t found(const struct dataset *d, const float *q, const struct codes *c, const struct codes *refine,
                      uint32_t wanted, struct scored *s, struct scored *t)
{
    struct codes_query query, again;
    void *room = memory_aligned(codes_query_bytes(c) + 64),
         *more = memory_aligned((refine ? codes_query_bytes(refine) : 0) + 64);
    codes_query_init(&query, c, q, room);
    if (refine)
        codes_query_init(&again, refine, q, more);
    uint32_t right = 0, best = 0;
    for (uint32_t row = 0; row < d->count; row++) {
        const void *at[1];
        float by;
        codes_distances(&query, &row, 1, at, &by);
        cr_assert(!isnan(by));
        t[row] = (struct scored){truth_of(d, q, row), truth_of(d, q, row)};
        s[row] = (struct scored){codes_is_outlier(c, row) ? -INFINITY : by, t[row].truth};
        if (refine && !codes_is_outlier(c, row)) {
            codes_distances(&again, &row, 1, at, &by);
            t[row].by = by;
        }
        s[row].truth = row; /* the row number, until its distance is looked up below */
    }
    double sorted_truth[K];
    struct scored *exact = malloc(d->count * sizeof(*exact));
    for (uint32_t row = 0; row < d->count; row++)
        exact[row] = (struct scored){t[row].truth, t[row].truth};
    qsort(exact, d->count, sizeof(*exact), by_score);
    for (uint32_t i = 0; i < K; i++)
        sorted_truth[i] = exact[i].truth;
    qsort(s, d->count, sizeof(*s), by_score);
    for (uint32_t i = 0; i < wanted + c->outlier_count && i < d->count; i++)
        exact[best++] = t[(uint32_t)s[i].truth];
    qsort(exact, best, sizeof(*exact), by_score);
    const double farthest = sorted_truth[K - 1] + 1e-6 * fabs(sorted_truth[K - 1]);
    for (uint32_t i = 0; i < K && i < best; i++)
        right += exact[i].truth <= farthest;
    free(exact);
    free(room);
    free(more);
    return right;
}

static double recall(const struct dataset *d, const struct dataset *q, const struct codes *c,
                     const struct codes *refine, uint32_t wanted)
{
    struct scored *s = malloc(d->count * sizeof(*s)), *t = malloc(d->count * sizeof(*t));
    uint32_t right = 0;
    for (uint32_t i = 0; i < q->count; i++)
        right += found(d, dataset_row(q, i), c, refine, wanted, s, t);
    free(s);
    free(t);
    return (double)right / (q->count * K);
}

static void check_kind(const struct kind *kind, enum metric metric, uint32_t dim, uint32_t count)
{
    struct dataset d, q;
    const struct index_options options = {.m = 4, .ef_construct = 10};
    make(&d, kind->value, metric, dim, count, 1);
    make(&q, kind->value, metric, dim, QUERIES, 2);
    struct segment_index *x = dataset_index_of(&d, &options);
    const double growing = recall(&d, &q, &x->codes, NULL, 2 * K + 12);
    cr_expect_geq(growing, 0.98, "%s, metric %d, %u dimensions, growing as %d: %.3f", kind->name, (int)metric, dim,
                  (int)x->codes.kind, growing);
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    struct index_why why = {0};
    segment_index_say(x, &why);
    const struct codes *c = x->made.ops ? &x->made : &x->codes;
    const float wanted = x->resolved.refine == REFINE_NONE ? K : ceilf(K * x->resolved.refine_k);
    const double sealed =
        recall(&d, &q, c, x->refine.ops ? &x->refine : NULL, (uint32_t)(wanted < 16 && wanted > K ? 16 : wanted));
    cr_expect_geq(sealed, 0.98, "%s, metric %d, %u dimensions, sealed: %.3f; %s", kind->name, (int)metric, dim, sealed,
                  why.text);
    segment_index_destroy(x);
    dataset_fini(&d);
    dataset_fini(&q);
}

static void check_all(uint32_t dim, uint32_t count)
{
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
            check_kind(&kinds[i], metric, dim, count);
}

Test(codes_check, any_data_of_2_dimensions_keeps_its_neighbours)
{
    check_all(2, 400);
}

Test(codes_check, any_data_of_64_dimensions_keeps_its_neighbours)
{
    check_all(64, 600);
}

Test(codes_check, any_data_of_768_dimensions_keeps_its_neighbours)
{
    check_all(768, 250);
}

/* A few rows unlike all others become outliers, which are scored by their vectors. */
Test(codes_check, a_row_that_codes_do_not_describe_is_found)
{
    static const uint32_t outliers[] = {7, 500, 1400};
    struct dataset d;
    const struct index_options options = {.m = 8, .ef_construct = 40};
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 64, 1500, 3);
    for (unsigned i = 0; i < ARRAY_LEN(outliers); i++)
        for (uint32_t j = 0; j < d.dim; j++)
            dataset_row(&d, outliers[i])[j] *= 1000;
    struct segment_index *x = dataset_index_of(&d, &options);
    struct search_scratch *scratch = search_scratch_create();
    const struct search_params one = {.k = 1};
    cr_assert_gt(x->codes.outlier_count, 0);
    for (unsigned i = 0; i < ARRAY_LEN(outliers); i++) {
        struct hit hit;
        const float *query = dataset_row(&d, outliers[i]);
        cr_assert_eq(segment_index_search(x, &d.rows, d.count, query, &one, scratch, &hit), 1);
        cr_assert_eq(hit.row, outliers[i]);
    }
    search_scratch_destroy(scratch);
    segment_index_destroy(x);
    dataset_fini(&d);
}
