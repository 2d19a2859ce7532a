#include "dataset.h"

#include "base/bits.h"
#include "base/memory.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LATENT 64

uint64_t dataset_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static float gaussian(uint64_t *state)
{
    double sum = -6; /* the sum of twelve uniform numbers is nearly normal */
    for (int i = 0; i < 12; i++)
        sum += (double)(dataset_random(state) >> 11) * 0x1p-53;
    return (float)sum;
}

float *dataset_row(const struct dataset *d, uint32_t row)
{
    return (float *)rows_at(&d->rows, row);
}

static void fill_latent(struct dataset *d, bool whole, uint64_t seed)
{
    /* one map for all sets of a dimension, so that queries are distributed as rows are */
    uint64_t map_state = 42, state = seed;
    float *map = malloc((size_t)d->dim * LATENT * sizeof(float));
    cr_assert_not_null(map);
    for (size_t i = 0; i < (size_t)d->dim * LATENT; i++)
        map[i] = gaussian(&map_state) / 2;
    for (uint32_t r = 0; r < d->count; r++) {
        float latent[LATENT];
        for (uint32_t i = 0; i < LATENT; i++)
            latent[i] = gaussian(&state) * powf((float)(i + 1), -0.7f);
        for (uint32_t j = 0; j < d->dim; j++) {
            float sum = 0;
            for (uint32_t i = 0; i < LATENT; i++)
                sum += latent[i] * map[(size_t)j * LATENT + i];
            dataset_row(d, r)[j] = whole ? rintf(127.5f + 127.5f * tanhf(sum)) : tanhf(sum);
        }
    }
    free(map);
}

static void fill_sparse(struct dataset *d, uint64_t seed)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++) {
            const float value = (float)(dataset_random(&seed) >> 40) * 0x1p-24f;
            dataset_row(d, r)[j] = dataset_random(&seed) % 20 ? 0 : value;
        }
}

static void fill_common(struct dataset *d, uint64_t seed)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = gaussian(&seed) + (j == 3 ? 100 : 0);
}

void dataset_init(struct dataset *d, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                  uint64_t seed)
{
    *d = (struct dataset){.metric = metric, .dim = dim, .count = count};
    d->rows = (struct rows){.chunk = d->chunk, .stride = rows_stride(dim * sizeof(float)), .shift = 31};
    d->chunk[0] = memory_aligned((size_t)d->rows.stride * (count + 1));
    cr_assert_not_null(d->chunk[0]);
    if (kind == DATASET_COMMON)
        fill_common(d, seed);
    else if (kind == DATASET_SPARSE)
        fill_sparse(d, seed);
    else
        fill_latent(d, kind == DATASET_WHOLE, seed);
    for (uint32_t r = 1; r < count; r++) {
        const uint32_t from = kind == DATASET_EQUAL ? 0 : kind == DATASET_TWINS ? r - r % 50 : r;
        if (from != r)
            memcpy(dataset_row(d, r), dataset_row(d, from), dim * sizeof(float));
    }
    for (uint32_t r = 0; metric == METRIC_COSINE && r < count; r++)
        cr_assert(vectors_normalise(dataset_row(d, r), dim));
}

void dataset_fini(struct dataset *d)
{
    free(d->chunk[0]);
}

uint32_t dataset_nearest(const struct dataset *d, uint32_t count, const float *query, uint32_t k,
                         const uint64_t *allowed, struct hit *hits)
{
    uint32_t n = 0;
    for (uint32_t r = 0; k > 0 && r < count; r++) {
        if (allowed && !bits_test(allowed, r))
            continue;
        float distance = vectors_distance(d->metric, query, dataset_row(d, r), d->dim);
        if (n == k && distance >= hits[n - 1].distance)
            continue;
        uint32_t at = n < k ? n++ : n - 1;
        for (; at > 0 && hits[at - 1].distance > distance; at--)
            hits[at] = hits[at - 1];
        hits[at] = (struct hit){distance, r};
    }
    return n;
}

double dataset_recall(const struct dataset *d, const struct segment_index *x, const struct dataset *q,
                      const struct search_params *params)
{
    struct search_scratch *scratch = search_scratch_create();
    cr_assert_not_null(scratch);
    uint32_t k = params->k, found = 0, wanted = 0;
    struct hit got[100], want[100];
    cr_assert_leq(k, 100);
    for (uint32_t i = 0; i < q->count; i++) {
        uint32_t n = dataset_nearest(d, d->count, dataset_row(q, i), k, params->allowed, want);
        int rc = segment_index_search(x, &d->rows, d->count, dataset_row(q, i), params, scratch, got);
        cr_assert_eq(rc, (int)n, "found %d of %u", rc, n);
        for (uint32_t a = 0; a < n; a++) {
            cr_assert(!params->allowed || bits_test(params->allowed, got[a].row));
            cr_assert(a == 0 || got[a].distance >= got[a - 1].distance);
            for (uint32_t b = 0; b < a; b++)
                cr_assert_neq(got[a].row, got[b].row);
            /* a row as near as the last wanted one counts, because rows may be equally near */
            float distance = vectors_distance(d->metric, dataset_row(q, i), dataset_row(d, got[a].row), d->dim);
            found += distance <= want[n - 1].distance + 1e-5f * fabsf(want[n - 1].distance);
        }
        wanted += n;
    }
    search_scratch_destroy(scratch);
    return wanted ? (double)found / wanted : 1;
}

struct segment_index *dataset_index(const struct dataset *d, uint16_t m, uint16_t ef_construct)
{
    const struct index_options options = {.m = m, .ef_construct = ef_construct, .seed = 7};
    return dataset_index_of(d, &options);
}

struct segment_index *dataset_index_of(const struct dataset *d, const struct index_options *options)
{
    struct segment_index *x;
    cr_assert_eq(segment_index_create(d->metric, d->dim, options, &x), 0);
    cr_assert_eq(segment_index_advance(x, &d->rows, d->count, NULL), 0);
    cr_assert_eq(segment_index_graphed(x), d->count);
    return x;
}
