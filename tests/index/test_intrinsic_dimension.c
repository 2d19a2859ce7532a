/* test_intrinsic_dimension.c -- the intrinsic dimension of made data is known, and a graph gets
 * its number of links by it if none is given. */
#include "dataset.h"

#include "base/memory.h"
#include "graph.h"
#include "index/autoindex.h"
#include "index/hnsw/intrinsic_dimension.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIM 64

static double normal(uint64_t *state)
{
    const double u = ((double)(dataset_random(state) >> 11) + 0.5) * 0x1p-53;
    const double v = (double)(dataset_random(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Rows in a subspace with so many directions, not parallel to the axes. */
struct plane {
    struct rows rows;
    uint8_t *bytes;
    uint32_t count;
};

static struct plane plane_make(uint32_t directions, uint32_t count, double scale)
{
    struct plane p = {.count = count, .bytes = memory_aligned((size_t)count * DIM * sizeof(float))};
    float *values = (float *)p.bytes;
    static double axis[DIM][DIM];
    uint64_t state = 1;
    cr_assert(values);
    for (uint32_t i = 0; i < directions; i++)
        for (uint32_t j = 0; j < DIM; j++)
            axis[i][j] = normal(&state);
    for (uint32_t row = 0; row < count; row++) {
        double sum[DIM] = {0};
        for (uint32_t i = 0; i < directions; i++) {
            const double x = normal(&state);
            for (uint32_t j = 0; j < DIM; j++)
                sum[j] += x * axis[i][j];
        }
        for (uint32_t j = 0; j < DIM; j++)
            values[(size_t)row * DIM + j] = (float)(sum[j] * scale);
    }
    p.rows = (struct rows){.chunk = &p.bytes, .stride = DIM * sizeof(float), .shift = 31};
    return p;
}

static float measure(const struct plane *p)
{
    float directions;
    uint32_t looked_at;
    struct rows rows = p->rows;
    uint8_t *bytes = p->bytes;
    rows.chunk = &bytes;
    cr_assert_eq(intrinsic_dimension_measure(&rows, p->count, DIM, NULL, &directions, &looked_at), 0);
    cr_assert(looked_at <= p->count && looked_at <= DIMENSION_ROWS_MAX);
    return directions;
}

static float measure_made(uint32_t directions, uint32_t count, double scale)
{
    struct plane p = plane_make(directions, count, scale);
    const float ret = measure(&p);
    memory_free(p.bytes);
    return ret;
}

Test(intrinsic_dimension, that_of_planes_is_told_whatever_the_dimension_of_the_rows)
{
    cr_expect_float_eq(measure_made(1, 2000, 1), 1, 0.2);
    cr_expect_float_eq(measure_made(2, 2000, 1), 2, 0.3);
    cr_expect_float_eq(measure_made(5, 2000, 1), 5, 0.7);
    cr_expect_float_eq(measure_made(10, 4000, 1), 9.5, 1.5);
    cr_expect_gt(measure_made(40, 4000, 1), 20);
    cr_expect_float_eq(measure_made(5, 40000, 1), 5, 0.7, "of many rows a sample is looked at");
}

Test(intrinsic_dimension, does_not_depend_on_how_large_values_are)
{
    const float as_they_are = measure_made(5, 2000, 1);
    cr_expect_float_eq(measure_made(5, 2000, 1e15), as_they_are, 0.1);
    cr_expect_float_eq(measure_made(5, 2000, 1e-15), as_they_are, 0.1);
}

Test(intrinsic_dimension, cannot_be_told_of_copies_few_rows_or_numbers_beyond_floats)
{
    struct plane p = plane_make(5, 1000, 1);
    for (uint32_t row = 0; row < p.count; row++)
        memcpy(p.bytes + (size_t)row * p.rows.stride, p.bytes, p.rows.stride);
    cr_expect_eq(measure(&p), 0);
    p.count = 0;
    cr_expect_eq(measure(&p), 0);
    memory_free(p.bytes);
    cr_expect_eq(measure_made(5, 9, 1), 0);
    const float beyond = measure_made(5, 1000, 1e30); /* squares of such values overflow a float */
    cr_expect(isfinite(beyond) && beyond >= 0, "%g", (double)beyond);
}

static int end_it(void *arg)
{
    return -ECANCELED;
}

Test(intrinsic_dimension, looking_ends_at_a_pause)
{
    struct plane p = plane_make(5, 2000, 1);
    const struct pause pause = {.fn = end_it};
    float directions;
    uint32_t looked_at;
    p.rows.chunk = &p.bytes;
    cr_expect_eq(intrinsic_dimension_measure(&p.rows, p.count, DIM, &pause, &directions, &looked_at), -ECANCELED);
    memory_free(p.bytes);
}

/* -- links -- */

static uint16_t fitted(float directions, uint32_t rows, uint32_t dim, struct index_options o)
{
    struct index_why why = {.text = ""};
    index_options_begin(&o, rows, &why);
    hnsw_options_fit(&o, directions, rows, dim);
    return o.m;
}

Test(intrinsic_dimension, low_ones_get_few_links_and_high_ones_many)
{
    const struct index_options open = {0};
    cr_expect_eq(fitted(12.8f, 16384, 784, open), 16, "handwritten digits");
    cr_expect_eq(fitted(10.8f, 1024, 784, open), 16);
    cr_expect_eq(fitted(16.2f, 16384, 128, open), 24, "SIFT");
    cr_expect_eq(fitted(12.9f, 1024, 128, open), 24);
    cr_expect_eq(fitted(27.6f, 16384, 100, open), 32, "word vectors");
    cr_expect_eq(fitted(23.3f, 1024, 100, open), 32);
    cr_expect_eq(fitted(25.6f, 8192, 768, open), 24, "long rows are more to compare");
    cr_expect_eq(fitted(25.6f, 8192, 1280, open), 16, "and very long ones still more");
    cr_expect_eq(fitted(3, 8192, 1280, open), 24);
    cr_expect_eq(fitted(3, 8192, 64, open), 24, "clusters need links that lead away");
    cr_expect_eq(fitted(0, 8192, 64, open), 24);
    cr_expect_eq(fitted(12, 400, 64, open), 8);
    cr_expect_eq(fitted(12, 8192, 64, (struct index_options){.m = 24}), 24, "what was given stays");
    cr_expect_eq(fitted(40, 8192, 64, (struct index_options){.m = 20}), 20);
}

static void build(uint32_t directions, const struct index_options *given, struct segment_index **ret)
{
    struct plane p = plane_make(directions, 4000, 1);
    struct index_options o = *given;
    struct index_why why = {.text = ""};
    p.rows.chunk = &p.bytes;
    index_options_begin(&o, p.count, &why);
    cr_assert_eq(segment_index_create(METRIC_L2, DIM, &o, ret), 0);
    cr_assert_eq(segment_index_build(*ret, &p.rows, p.count, NULL, NULL), 0);
    cr_assert_eq(segment_index_finish(*ret, &p.rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_graphed(*ret), p.count);
    memory_free(p.bytes);
}

Test(intrinsic_dimension, a_graph_gets_its_links_by_it_and_says_so)
{
    static const struct {
        uint32_t directions, m;
    } of[] = {{11, 16}, {2, 24}, {50, 32}};
    for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        struct segment_index *x;
        struct index_why why = {.text = ""};
        char wanted[48];
        build(of[i].directions, &(struct index_options){.seed = 1}, &x);
        segment_index_say(x, &why);
        snprintf(wanted, sizeof(wanted), "m %u (intrinsic dimension %.0f)", of[i].m,
                 (double)hnsw_index_of(x->index)->intrinsic_dimension);
        cr_expect_eq(segment_index_options(x)->m, of[i].m);
        cr_expect_eq(graph_of(x)->m, of[i].m);
        cr_expect_not_null(strstr(why.text, wanted), "%s", why.text);
        segment_index_destroy(x);
        build(of[i].directions, &(struct index_options){.m = 10, .seed = 1}, &x);
        why.text[0] = 0;
        segment_index_say(x, &why);
        cr_expect_eq(graph_of(x)->m, 10);
        cr_expect_not_null(strstr(why.text, "m 10 (given)"), "%s", why.text);
        segment_index_destroy(x);
    }
}
