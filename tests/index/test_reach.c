/* test_reach.c -- every row is found by its own vector, with the default effort, whatever the
 * other rows are like. */
#include "sealed.h"

#include "graph.h"
#include "index/hnsw/build/hnsw_builder.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIM  20
#define ROWS 2000

static float noise(uint64_t *state) /* nearly normal */
{
    float sum = -6;
    for (unsigned i = 0; i < 12; i++)
        sum += (float)(dataset_random(state) % 65536) / 65536;
    return sum;
}

/* Nearly parallel rows; one in a hundred points anywhere else. */
static void parallel(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = r % 100 == 77 ? -noise(state) : 1 + 0.01f * noise(state);
}

/* One row far from all the others, which are nearly parallel. */
static void one_outlier(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = r + 1 == d->count ? -noise(state) : 1 + 0.01f * noise(state);
}

/* A few rows a thousand times as large as the others. */
static void large_rows(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = noise(state) * (r % 700 == 699 ? 1000 : 1);
}

/* Topics of very different sizes; the smallest has ten rows. */
static void rare_topics(struct dataset *d, uint64_t *state)
{
    float centre[40][DIM];
    for (uint32_t t = 0; t < 40; t++)
        for (uint32_t j = 0; j < DIM; j++)
            centre[t][j] = noise(state);
    for (uint32_t r = 0; r < d->count; r++) {
        const uint32_t topic = r % 10 ? r % 4 : r / 10 % 30 + 4;
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = centre[topic][j] + 0.1f * noise(state);
    }
}

/* Groups of rows that differ in one bit, which 8-bit codes cannot tell apart. */
static void one_bit(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] = noise(state);
    for (uint32_t r = 0; r < d->count; r++) {
        uint32_t bits;
        float *row = dataset_row(d, r);
        memcpy(row, dataset_row(d, r - r % 40), DIM * sizeof(float));
        memcpy(&bits, &row[r % 40 % DIM], sizeof(bits));
        bits ^= r % 40 ? (uint32_t)1 << (13 + r % 7) : 0;
        memcpy(&row[r % 40 % DIM], &bits, sizeof(bits));
    }
}

/* Clusters one after the other, each with its rows in order. */
static void sorted(struct dataset *d, uint64_t *state)
{
    for (uint32_t r = 0; r < d->count; r++)
        for (uint32_t j = 0; j < d->dim; j++)
            dataset_row(d, r)[j] =
                sinf((float)(r / 200) * (float)(j + 1)) * 4 + (float)(r % 200) / 100 + noise(state) * 0.05f;
}

static bool is_found(const struct dataset *d, const struct segment_index *x, uint32_t row)
{
    struct search_scratch *s = search_scratch_create();
    struct hit hits[10];
    const struct search_params p = {.k = 10, .ef = 64};
    const int n = segment_index_search(x, &d->rows, d->count, dataset_row(d, row), &p, s, hits);
    bool is_found = false;
    cr_assert_eq(n, 10);
    for (int i = 0; i < n; i++)
        is_found |= hits[i].row == row;
    search_scratch_destroy(s);
    return is_found;
}

static uint32_t missed(const struct dataset *d, const struct segment_index *x)
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < d->count; r++)
        n += !is_found(d, x, r);
    return n;
}

/* `most`: how many rows may be missed. The graph is built on 8-bit codes, which put
 * nearly parallel rows into few cells when others point elsewhere. So many of its links
 * lead to no near row. */
static const struct {
    const char *name;
    enum metric metric;
    void (*make)(struct dataset *d, uint64_t *state);
    uint32_t most;
} kinds[] = {{"parallel", METRIC_L2, parallel, 0},
             {"parallel", METRIC_COSINE, parallel, ROWS / 50},
             {"one outlier", METRIC_L2, one_outlier, 0},
             {"one outlier", METRIC_COSINE, one_outlier, ROWS / 4},
             {"large rows", METRIC_L2, large_rows, ROWS / 50},
             {"rare topics", METRIC_L2, rare_topics, 0},
             {"rare topics", METRIC_COSINE, rare_topics, 0},
             {"one bit", METRIC_L2, one_bit, 0},
             {"sorted", METRIC_L2, sorted, 0},
             {"sorted", METRIC_COSINE, sorted, ROWS / 200}};

static void make(struct dataset *d, size_t kind)
{
    uint64_t state = 60 + kind;
    dataset_init(d, DATASET_EQUAL, kinds[kind].metric, DIM, ROWS, 1);
    kinds[kind].make(d, &state);
    for (uint32_t r = 0; d->metric == METRIC_COSINE && r < ROWS; r++)
        cr_assert(vectors_normalise(dataset_row(d, r), DIM));
}

Test(reach, every_row_is_found_by_its_own_vector)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct dataset d;
        make(&d, k);
        const struct index_options options = {.m = 16, .ef_construct = 100, .code = CODE_F32, .refine = REFINE_NONE};
        struct segment_index *x = dataset_index_of(&d, &options), *sealed;
        struct index_region regions[SEGMENT_INDEX_REGIONS];
        unsigned n;
        const char *why;
        cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
        cr_assert_eq(segment_index_regions(x, regions, &n), 0);
        cr_assert_eq(segment_index_open(d.metric, DIM, ROWS, regions, n, false, NULL, &sealed, &why), 0, "%s", why);
        const uint32_t lost = missed(&d, sealed);
        cr_assert(is_found(&d, sealed, ROWS - 1), "%s: the last", kinds[k].name);
        cr_assert_leq(lost, kinds[k].most, "%s, metric %d: %u are missed", kinds[k].name, (int)d.metric, lost);
        segment_index_destroy(sealed);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}

/* A row that no link leads to, and that may get none. */
/* Few links lead to most of these rows, and many are strays. */
Test(reach, rows_of_sparse_vectors_are_found_with_the_smallest_beam)
{
    static const uint32_t dims[] = {400, 768};
    for (size_t i = 0; i < ARRAY_LEN(dims); i++) {
        struct sealed s;
        struct segment_index *x;
        struct hit hits[10];
        sealed_init(&s, DATASET_SPARSE, METRIC_L2, dims[i], ROWS, &(struct index_options){0});
        cr_assert_eq(sealed_open(&s, false, &x), 0);
        cr_assert_gt(graph_of(x)->stray_count, 10);
        struct search_scratch *scratch = search_scratch_create();
        const struct search_params p = {.k = 10, .ef = 10};
        uint32_t missed = 0;
        for (uint32_t r = 0; r < s.d.count; r++) {
            cr_assert_eq(segment_index_search(x, &s.d.rows, s.d.count, dataset_row(&s.d, r), &p, scratch, hits), 10);
            missed += hits[0].row != r;
        }
        cr_expect_eq(missed, 0, "%u dimensions: %u missed", dims[i], missed);
        search_scratch_destroy(scratch);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

Test(reach, walks_go_on_from_strays)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, DIM, ROWS, 3);
    const struct index_options options = {.m = 8, .ef_construct = 40, .code = CODE_F32, .refine = REFINE_NONE};
    struct segment_index *x = dataset_index_of(&d, &options), *sealed;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n;
    const char *why;
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, NULL), 0);
    const uint32_t lost[] = {1234, 1900}, max = 2 * graph_of(x)->m;
    for (uint32_t r = 0; r < ROWS; r++) { /* every link to these rows is turned elsewhere */
        uint32_t *links = hnsw_links(graph_of(x), r);
        for (uint32_t i = 0; i < max; i++)
            if (links[i] == lost[0] || links[i] == lost[1])
                links[i] = r == 7 ? 8 : 7;
    }
    cr_assert_gt(missed(&d, x), 0);
    graph_of(x)->strays = malloc(sizeof(lost));
    memcpy(graph_of(x)->strays, lost, sizeof(lost));
    graph_of(x)->stray_count = 2;
    cr_assert_eq(segment_index_regions(x, regions, &n), 0);
    cr_assert_eq(segment_index_open(METRIC_L2, DIM, ROWS, regions, n, true, NULL, &sealed, &why), 0, "%s", why);
    cr_assert_eq(missed(&d, sealed), 0);
    segment_index_destroy(sealed);
    graph_of(x)->strays[0] = ROWS;
    cr_assert_eq(segment_index_regions(x, regions, &n), 0);
    cr_assert_eq(segment_index_open(METRIC_L2, DIM, ROWS, regions, n, true, NULL, &sealed, &why), -EINVAL);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* The most rows that were added between two pauses to those that are searched for again. */
struct mended {
    const struct segment_index *x;
    uint32_t again, turn, most;
};

static int see_mended(void *arg)
{
    struct mended *m = arg;
    if (!builder_of(m->x))
        return 0;
    const struct reaching *r = &builder_of(m->x)->reaching;
    uint32_t added = r->again_count;
    if (r->turn == m->turn && added >= m->again)
        added -= m->again;
    /* the rows of the turn before are its list now, */
    else if (r->turn == m->turn + 1 && r->listed <= r->rows / 2)
        /* unless all rows are searched for once more */
        added += r->listed - m->again;
    m->most = added > m->most ? added : m->most;
    m->again = r->again_count;
    m->turn = r->turn;
    return 0;
}

/* A missed row gets its links, and other fibers may run before the next one does. */
Test(reach, pauses_behind_each_row_that_it_mends)
{
    struct dataset d;
    make(&d, 0);
    const struct index_options options = {.m = 8, .ef_construct = 40, .code = CODE_F32, .refine = REFINE_NONE};
    struct segment_index *x = dataset_index_of(&d, &options);
    struct mended m = {.x = x};
    const struct pause pause = {see_mended, &m};
    cr_assert_eq(segment_index_finish(x, &d.rows, NULL, &pause), 0);
    /* the row itself, a row that loses a link, and the rows that were found through that one */
    const uint32_t one = 1 + 1 + 2 * graph_of(x)->m;
    cr_assert_gt(m.most, 0);
    cr_assert_leq(m.most, one, "%u rows in one go", m.most);
    segment_index_destroy(x);
    dataset_fini(&d);
}
