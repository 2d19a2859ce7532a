/* test_inner_product.c -- under the inner product a few long rows are near to all others. The
 * rows behind them are answers too: they are found with small beams, and each row by its own
 * vector where an exact search has it among the ten nearest. */
#include "dataset.h"

#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define DIM     48
#define ROWS    2000
#define QUERIES 100
#define K       10

static float unit(uint64_t *state)
{
    return (float)((double)(dataset_random(state) % (1 << 20)) + 0.5) / (1 << 20);
}

static float normal(uint64_t *state)
{
    return sqrtf(-2 * logf(unit(state))) * cosf(2 * (float)M_PI * unit(state));
}

static void scale(float *row, float by)
{
    for (uint32_t j = 0; j < DIM; j++)
        row[j] *= by;
}

/* One row in a hundred is five times as long. */
static void hubs(struct dataset *d, uint64_t *state)
{
    (void)state;
    for (uint32_t r = 0; r < d->count; r += 100)
        scale(dataset_row(d, r), 5);
}

/* A full cube: the mean of all rows is longer than their differences. */
static void cube(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < DIM; j++)
            dataset_row(d, r)[j] = unit(state);
}

/* Whole numbers from 0 on, most of them small. */
static void counts(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < DIM; j++)
            dataset_row(d, r)[j] = floorf(-3 * logf(unit(state))) + (j == 0);
}

/* Positive rows with lengths of a gamma distribution. */
static void gamma_lengths(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++) {
        float *row = dataset_row(d, r), sum = 0;
        for (uint32_t j = 0; j < DIM; j++) {
            row[j] = fabsf(normal(state));
            sum += row[j] * row[j];
        }
        scale(row, -(logf(unit(state)) + logf(unit(state))) / sqrtf(sum));
    }
}

static const struct {
    const char *name;
    void (*make)(struct dataset *d, uint64_t *state);
} kinds[] = {{"hubs", hubs}, {"cube", cube}, {"counts", counts}, {"gamma lengths", gamma_lengths}};

static void make(struct dataset *d, size_t kind, uint64_t seed)
{
    uint64_t state = seed;
    dataset_init(d, DATASET_LATENT, METRIC_IP, DIM, ROWS, seed);
    kinds[kind].make(d, &state);
}

/* Counts rows that a search for their own vectors should find and does not. */
static uint32_t missed_by(const struct dataset *d, const struct segment_index *x, struct search_params params)
{
    struct search_scratch *s = search_scratch_create();
    uint32_t missed = 0;
    for (uint32_t r = 0; r < d->count; r++) {
        struct hit hits[K], nearest[K];
        bool is_found = false, is_answer = false;
        cr_assert_eq(segment_index_search(x, &d->rows, d->count, dataset_row(d, r), &params, s, hits), K);
        for (int i = 0; i < K; i++)
            is_found |= hits[i].row == r;
        if (is_found)
            continue;
        cr_assert_eq(dataset_nearest(d, d->count, dataset_row(d, r), K, NULL, nearest), K);
        for (int i = 0; i < K; i++)
            is_answer |= nearest[i].row == r;
        missed += is_answer;
    }
    search_scratch_destroy(s);
    return missed;
}

static uint32_t missed(const struct dataset *d, const struct segment_index *x, uint32_t ef)
{
    return missed_by(d, x, (struct search_params){.k = K, .ef = ef});
}

static const struct index_options options = {.m = 16, .ef_construct = 100, .code = CODE_F32, .refine = REFINE_NONE};

/* Seals the index and opens it. */
static struct segment_index *open_finished(struct segment_index *x, const struct dataset *d)
{
    struct segment_index *sealed;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n;
    const char *why;
    cr_assert_eq(segment_index_finish(x, &d->rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_regions(x, regions, &n), 0);
    cr_assert_eq(segment_index_open(METRIC_IP, DIM, d->count, regions, n, false, NULL, &sealed, &why), 0, "%s", why);
    return sealed;
}

/* Some rows of the cube are missed. Walks go on from more than a hundred strays, of which the
 * smallest beam keeps ten. */
Test(inner_product, every_row_is_found_by_its_own_vector_with_the_smallest_beam)
{
    static const uint32_t most[] = {ROWS / 1000, ROWS / 40, ROWS / 1000, ROWS / 1000};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct dataset d;
        make(&d, k, 7);
        struct segment_index *x = dataset_index_of(&d, &options), *sealed = open_finished(x, &d);
        const uint32_t lost = missed(&d, sealed, K);
        cr_expect_leq(lost, most[k], "%s: %u are missed", kinds[k].name, lost);
        segment_index_destroy(sealed);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}

/* A row may be the tenth nearest to its own vector, and the eleventh by its 8-bit code. */
Test(inner_product, every_row_is_found_by_its_own_vector_where_codes_swap_neighbours)
{
    for (uint64_t seed = 8; seed < 10; seed++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            struct dataset d;
            make(&d, k, seed);
            struct segment_index *x = dataset_index_of(&d, &(struct index_options){0}), *sealed = open_finished(x, &d);
            const uint32_t lost = missed_by(&d, sealed, (struct search_params){.k = K, .recall = 0.98f});
            cr_expect_eq(lost, 0, "%s, seed %d: %u are missed", kinds[k].name, (int)seed, lost);
            segment_index_destroy(sealed);
            segment_index_destroy(x);
            dataset_fini(&d);
        }
}

Test(inner_product, rows_behind_the_longest_are_found)
{
    static const double wanted[] = {0.99, 0.98, 0.98, 0.99};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct dataset d, queries;
        make(&d, k, 7);
        make(&queries, k, 8);
        queries.count = QUERIES;
        struct segment_index *x = dataset_index_of(&d, &options);
        const double recall = dataset_recall(&d, x, &queries, &(struct search_params){.k = K, .ef = 32});
        cr_expect_geq(recall, wanted[k], "%s: %.3f", kinds[k].name, recall);
        segment_index_destroy(x);
        dataset_fini(&queries);
        dataset_fini(&d);
    }
}

/* Rows are appended one by one, and searched for while the graph grows. */
static struct segment_index *grown(const struct dataset *d)
{
    struct segment_index *x;
    cr_assert_eq(segment_index_create(METRIC_IP, DIM, &options, &x), 0);
    for (uint32_t r = 0; r < d->count; r++) {
        segment_index_append(x, &d->rows, r);
        if (r % 50 == 49)
            cr_assert_eq(segment_index_advance(x, &d->rows, r + 1, NULL), 0);
    }
    return x;
}

/* While the graph grows, links to a row are given up for nearer rows. In the cube, where long
 * rows are near to all others, one or two rows may be cut off until they are searched for again. */
Test(inner_product, a_growing_graph_keeps_links_to_rows_of_any_length)
{
    static const uint32_t most[] = {0, ROWS / 1000, 0, 0};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct dataset d;
        make(&d, k, 7);
        struct segment_index *x = grown(&d);
        const uint32_t lost = missed(&d, x, 64);
        cr_expect_leq(lost, most[k], "%s: %u are missed", kinds[k].name, lost);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}
