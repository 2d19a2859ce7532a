/* zoo.c -- the kinds of data, each in a few lines on the same random numbers.
 *
 * Each row has a random stream of its own. Every other query is drawn like a row. The others are
 * rows of the set, moved by a tenth of the distance to another row, because users ask for things
 * that exist. Parts that all rows share (a map, centres) follow from the seed. */
#include "ann/zoo.h"

#include "random.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LATENT 32

struct zoo_maker {
    /* row: number of the row being made; queries count on behind the last row */
    uint32_t dim, count, row;
    struct random dice; /* random stream of the row */
    float *v;           /* the row */
    uint64_t shared;    /* seed of the parts that all rows share */
    bool query;
};

/* -- shared by kinds -- */

static float normal(struct zoo_maker *m)
{
    return (float)random_normal(&m->dice);
}

/* In [0, 1), also after rounding to float. */
static float unit(struct zoo_maker *m)
{
    return fminf((float)random_unit(&m->dice), 1 - 0x1p-24f);
}

/* Number i of shared table `which`. */
static float shared_normal(const struct zoo_maker *m, uint32_t which, uint32_t i)
{
    struct random r = {m->shared + ((uint64_t)which << 32 | i) * 0x9E3779B97F4A7C15u};
    return (float)random_normal(&r);
}

static uint32_t shared_below(const struct zoo_maker *m, uint32_t which, uint32_t i, uint32_t n)
{
    struct random r = {m->shared + ((uint64_t)which << 32 | i) * 0x9E3779B97F4A7C15u};
    random_u64(&r);
    return random_below(&r, n);
}

static void gaussian(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = normal(m);
}

static void scale(struct zoo_maker *m, float by)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] *= by;
}

static void set_length(struct zoo_maker *m, float length)
{
    double sum = 0;
    for (uint32_t d = 0; d < m->dim; d++)
        sum += (double)m->v[d] * m->v[d];
    scale(m, sum > 0 ? (float)(length / sqrt(sum)) : 0);
}

/* Imitates the output of a network: tanh of a random map of a few latent numbers that decrease by a
 * power law. */
static void embedding_of(struct zoo_maker *m, const float latent[LATENT])
{
    memset(m->v, 0, m->dim * sizeof(*m->v));
    for (uint32_t i = 0; i < LATENT; i++) {
        struct random map = {m->shared ^ (i + 1) * 0xD1B54A32D192ED03u};
        for (uint32_t d = 0; d < m->dim; d++)
            m->v[d] += latent[i] * ((float)random_unit(&map) - 0.5f) * 3;
    }
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = tanhf(m->v[d]);
}

static void embedding(struct zoo_maker *m)
{
    float latent[LATENT];
    for (uint32_t i = 0; i < LATENT; i++)
        latent[i] = normal(m) * powf((float)(i + 1), -0.7f);
    embedding_of(m, latent);
}

/* -- smooth and even -- */

static void uniform(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = unit(m);
}

/* A closed curve through all dimensions. */
static void curve(struct zoo_maker *m)
{
    const float t = unit(m) * 2 * (float)M_PI;
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = sinf((float)(1 + d / 2) * t + (d % 2 ? (float)M_PI / 2 : 0)) + 1e-3f * normal(m);
}

static void plane(struct zoo_maker *m)
{
    const float a = normal(m), b = normal(m);
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = a * shared_normal(m, 1, d) + b * shared_normal(m, 2, d) + 1e-3f * normal(m);
}

/* Two shells, one with ten times the radius. */
static void shells(struct zoo_maker *m)
{
    gaussian(m);
    set_length(m, random_below(&m->dice, 2) ? 10 : 1);
}

/* -- clusters -- */

/* A third of the rows is in one cluster, half of the rest in the next. Sizes fall and radii rise by
 * powers of 2. */
static void clusters(struct zoo_maker *m)
{
    uint32_t c = 0;
    while (c < 24 && random_below(&m->dice, 3))
        c++;
    const float radius = powf(2, -(float)(c * 5 % 8));
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = 2 * shared_normal(m, 10 + c, d) + radius * normal(m);
}

static void tight_clusters(struct zoo_maker *m)
{
    const uint32_t c = random_below(&m->dice, 100);
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = shared_normal(m, 10 + c, d) + 1e-3f * normal(m);
}

/* Half of the rows form groups of 18 that are almost points; the others lie far apart around
 * them. */
static void near_points(struct zoo_maker *m)
{
    const uint32_t row = m->row % m->count, c = row / 36;
    const bool near = row % 2;
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = near ? shared_normal(m, 10, c * m->dim + d) + 1e-3f * normal(m) : 2 * normal(m);
}

/* Groups of 25 rows, far from each other. */
static void groups(struct zoo_maker *m)
{
    const uint32_t c = random_below(&m->dice, m->count / 25 + 1);
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = 100 * shared_normal(m, 10, c * m->dim + d) + 0.3f * normal(m);
}

/* 30 of 10 000 rows have another topic. Every tenth query asks for it. */
static void rare_topic(struct zoo_maker *m)
{
    embedding(m);
    if (m->query ? m->row % 10 != 0 : m->row % 333 != 7)
        return;
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = 1.5f * shared_normal(m, 1, d) + 0.2f * m->v[d];
}

/* -- scales -- */

static void wide_column(struct zoo_maker *m)
{
    gaussian(m);
    m->v[7 % m->dim] *= 100;
}

static void common_component(struct zoo_maker *m)
{
    gaussian(m);
    m->v[7 % m->dim] = 50;
}

static void offset(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = 1000 + normal(m);
}

static void offsets_apart(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = 300 * shared_normal(m, 1, d) + normal(m);
}

static void power_law_columns(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = normal(m) * powf((float)(d + 1), -1.5f) * 100;
}

static void tiny(struct zoo_maker *m)
{
    gaussian(m);
    scale(m, 1e-15f);
}

static void huge(struct zoo_maker *m)
{
    gaussian(m);
    scale(m, 1e15f);
}

/* -- lengths -- */

static void norms_wide(struct zoo_maker *m)
{
    gaussian(m);
    set_length(m, powf(10, 6 * unit(m) - 3));
}

/* Positive rows whose lengths follow a gamma distribution: popularity times taste, as in
 * recommenders. */
static void norms_gamma(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = fabsf(normal(m));
    const double u = random_unit(&m->dice), w = random_unit(&m->dice);
    set_length(m, m->query ? 1 : (float)-(log1p(-u) + log1p(-w)));
}

static void norms_level(struct zoo_maker *m)
{
    embedding(m);
    set_length(m, 33 + 0.5f * normal(m));
}

static void hubs(struct zoo_maker *m)
{
    embedding(m);
    if (!m->query && m->row % 100 == 0)
        scale(m, 5);
}

/* -- outliers -- */

static void outliers(struct zoo_maker *m)
{
    gaussian(m);
    if (!m->query && m->row % 2000 == 999)
        scale(m, 1000);
}

static void far_row(struct zoo_maker *m)
{
    const bool far = m->query ? m->row % 10 == 0 : m->row % 5000 == 4999 || m->row + 1 == m->count;
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = far ? -normal(m) : 1 + 0.01f * normal(m);
}

static void heavy_tails(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++) {
        const float x = normal(m), y = normal(m);
        m->v[d] = x / (fabsf(y) + 1e-3f); /* Cauchy, limited to a few thousand */
    }
}

/* -- few values -- */

static void whole(struct zoo_maker *m)
{
    embedding(m);
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = rintf(127.5f + 127.5f * m->v[d]);
    m->v[0] = fmaxf(m->v[0], 1);
}

static void counts(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = floorf(-logf(1 - unit(m)) * 3);
    m->v[0] += 1;
}

static void bits(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = (float)random_below(&m->dice, 2);
    m->v[random_below(&m->dice, m->dim)] = 1;
}

static void signs(struct zoo_maker *m)
{
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] = random_below(&m->dice, 2) ? 1 : -1;
}

/* A dozen words of a vocabulary, weighted. */
static void sparse(struct zoo_maker *m)
{
    memset(m->v, 0, m->dim * sizeof(*m->v));
    for (uint32_t i = 0; i < 12; i++) {
        const float x = unit(m);
        m->v[(uint32_t)(x * x * (float)m->dim)] += 0.1f + unit(m);
    }
}

/* -- copies -- */

static struct zoo_maker as_row(const struct zoo_maker *m, uint32_t row)
{
    struct zoo_maker of = *m;
    of.row = row;
    of.dice = (struct random){m->shared + (row + 1) * 0xA0761D6478BD642Fu};
    return of;
}

static void copies_most(struct zoo_maker *m)
{
    struct zoo_maker of = as_row(m, m->query ? m->row : m->row % 200 == 0 ? m->row : 1);
    gaussian(&of);
}

static void copies_half(struct zoo_maker *m)
{
    struct zoo_maker of = as_row(m, m->row % 2 && !m->query ? 1 : m->row);
    embedding(&of);
}

static void copies_groups(struct zoo_maker *m)
{
    struct zoo_maker of = as_row(m, m->query ? shared_below(m, 1, m->row, m->count) / 50 : m->row / 50);
    embedding(&of);
}

static void one_bit_apart(struct zoo_maker *m)
{
    struct zoo_maker of = as_row(m, m->row / 8);
    embedding(&of);
    uint32_t word;
    float *v = &m->v[m->row % 8 % m->dim];
    memcpy(&word, v, sizeof(word));
    word ^= 1;
    memcpy(v, &word, sizeof(word));
}

/* -- order, and queries unlike rows -- */

/* Rows come sorted along the strongest direction. */
static void sorted(struct zoo_maker *m)
{
    float latent[LATENT];
    for (uint32_t i = 0; i < LATENT; i++)
        latent[i] = normal(m) * powf((float)(i + 1), -0.7f);
    latent[0] = m->query ? 4 * unit(m) - 2 : 4 * (float)m->row / (float)m->count - 2;
    embedding_of(m, latent);
}

/* News: topics change with time. */
static void drift(struct zoo_maker *m)
{
    embedding(m);
    const float t = m->query ? unit(m) : (float)m->row / (float)m->count;
    for (uint32_t d = 0; d < m->dim; d++)
        m->v[d] += 2 * (t * shared_normal(m, 1, d) + (1 - t) * shared_normal(m, 2, d));
}

/* Texts ask for pictures: queries lie beside the rows, not among them. */
static void queries_apart(struct zoo_maker *m)
{
    embedding(m);
    if (m->query)
        for (uint32_t d = 0; d < m->dim; d++)
            m->v[d] = 0.5f * m->v[d] + 0.7f * shared_normal(m, 1, d) + 0.2f * normal(m);
}

const struct zoo_kind zoo_kinds[] = {
    {"embedding", "what a network puts out", embedding},
    {"gaussian", "every direction alike", gaussian},
    {"uniform", "a full cube", uniform},
    {"curve", "one dimension, wound through all", curve},
    {"plane", "two dimensions, turned into all", plane},
    {"shells", "two spheres, one ten times as wide", shells},
    {"clusters", "clusters of very different size and density", clusters},
    {"tight-clusters", "a hundred clusters, each a point nearly", tight_clusters},
    {"near-points", "groups of 18 that are points nearly, amid others", near_points},
    {"groups", "groups of 25 rows, far from each other", groups},
    {"rare-topic", "30 of 10 000 rows are about something else", rare_topic},
    {"wide-column", "one column a hundred times larger", wide_column},
    {"common-component", "one large component that all rows share", common_component},
    {"offset", "values around 1000, spread 1", offset},
    {"offsets-apart", "every column around a value of its own", offsets_apart},
    {"power-law-columns", "columns that weaken by a power law", power_law_columns},
    {"tiny", "values of 1e-15", tiny},
    {"huge", "values of 1e15", huge},
    {"norms-wide", "lengths from 1e-3 to 1e3", norms_wide},
    {"norms-gamma", "positive rows, lengths by a gamma distribution", norms_gamma},
    {"norms-level", "lengths of about 33", norms_level},
    {"hubs", "one row in a hundred five times as long", hubs},
    {"outliers", "one row in 2 000 a thousand times larger", outliers},
    {"far-row", "near-parallel rows and one far from all", far_row},
    {"heavy-tails", "Cauchy values", heavy_tails},
    {"whole", "whole numbers 0 to 255", whole},
    {"counts", "small counts", counts},
    {"bits", "0 and 1", bits},
    {"signs", "-1 and 1", signs},
    {"sparse", "a dozen values, the rest zero", sparse},
    {"copies-most", "199 of 200 rows are one row", copies_most},
    {"copies-half", "every other row is one row", copies_half},
    {"copies-groups", "each row fifty times", copies_groups},
    {"one-bit-apart", "eight rows that differ in one bit each", one_bit_apart},
    {"sorted", "rows come in order", sorted},
    {"drift", "rows move with time", drift},
    {"queries-apart", "queries of another kind than rows", queries_apart},
};
const unsigned zoo_count = ARRAY_LEN(zoo_kinds);

const struct zoo_kind *zoo_find(const char *name)
{
    for (unsigned i = 0; i < zoo_count; i++)
        if (strcmp(zoo_kinds[i].name, name) == 0)
            return &zoo_kinds[i];
    return NULL;
}

static void fill(struct zoo_maker *m, const struct zoo_kind *kind, uint32_t row, float *v)
{
    m->row = row;
    m->v = v;
    m->dice = (struct random){m->shared + (row + 1) * 0xA0761D6478BD642Fu};
    kind->fill(m);
}

/* A row of the set, moved towards another one by a tenth of their distance. */
static void near_row(const struct zoo_set *s, uint32_t q, float *v)
{
    const float *a = s->rows + (size_t)(q * 7919u % s->count) * s->dim;
    const float *b = s->rows + (size_t)(q * 104729u % s->count) * s->dim;
    for (uint32_t d = 0; d < s->dim; d++)
        v[d] = a[d] + 0.1f * (b[d] - a[d]);
}

int zoo_make(struct zoo_set *s, const struct zoo_kind *kind, uint32_t dim, uint32_t count, uint32_t query_count,
             uint64_t seed)
{
    *s = (struct zoo_set){.dim = dim,
                          .count = count,
                          .query_count = query_count,
                          .rows = malloc((size_t)count * dim * sizeof(float)),
                          .queries = malloc((size_t)query_count * dim * sizeof(float))};
    if (!s->rows || !s->queries) {
        zoo_fini(s);
        return -ENOMEM;
    }
    struct random r = {seed};
    struct zoo_maker m = {.dim = dim, .count = count, .shared = random_u64(&r)};
    for (uint32_t row = 0; row < count; row++)
        fill(&m, kind, row, s->rows + (size_t)row * dim);
    m.query = true;
    for (uint32_t q = 0; q < query_count; q++) {
        float *v = s->queries + (size_t)q * dim;
        if (q % 2)
            near_row(s, q, v);
        else
            fill(&m, kind, count + q, v);
    }
    return 0;
}

void zoo_fini(struct zoo_set *s)
{
    free(s->rows);
    free(s->queries);
    *s = (struct zoo_set){0};
}
