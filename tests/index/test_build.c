/* test_build.c -- rounds: the same graph whichever share does the work and however often it is
 * stopped; and rows that are all alike. */
#include "base/workers.h"

#include "dataset.h"
#include "graph.h"
#include "index/segment_index_internal.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct segment_index *build(const struct dataset *d, const struct workers *workers)
{
    struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    struct segment_index *x;
    cr_assert_eq(segment_index_create(d->metric, d->dim, &options, &x), 0);
    int rc;
    while ((rc = segment_index_build(x, &d->rows, d->count, workers, NULL)) == -EAGAIN)
        ;
    cr_assert_eq(rc, 0);
    return x;
}

/* With codes that need training, and with RaBitQ, whose shares need memory to work in. */
static void finish(struct segment_index *x, const struct dataset *d, const struct workers *workers)
{
    const struct index_options sq4 = {.code = CODE_SQ4, .refine = REFINE_F16, .refine_k = 2, .links = LINKS_PLAIN};
    const struct index_options bits = {
        .code = CODE_RABITQ, .code_bits = 2, .refine = REFINE_BF16, .refine_k = 4, .links = LINKS_PACKED};
    segment_index_unfinish(x, d->dim % 64 ? &sq4 : &bits);
    int rc;
    while ((rc = segment_index_finish(x, &d->rows, workers, NULL)) == -EAGAIN)
        ;
    cr_assert_eq(rc, 0);
}

static void assert_same(struct segment_index *a, struct segment_index *b)
{
    struct index_region x[SEGMENT_INDEX_REGIONS], y[SEGMENT_INDEX_REGIONS];
    unsigned n, m;
    cr_assert_eq(segment_index_regions(a, x, &n), 0);
    cr_assert_eq(segment_index_regions(b, y, &m), 0);
    cr_assert_eq(n, m);
    for (unsigned i = 0; i < n; i++) {
        cr_assert_eq(x[i].size, y[i].size, "%s", x[i].name);
        cr_assert(x[i].size == 0 || memcmp(x[i].bytes, y[i].bytes, x[i].size) == 0, "%s", x[i].name);
    }
}

/* Workers of one thread. No share may do more than a little in a turn; the others do what it
 * left, and the build has to be called again and again. */
struct turns {
    unsigned left, length, stopped;
};

static int end_of_turn(void *arg)
{
    struct turns *t = arg;
    return t->left-- == 0 ? -EAGAIN : 0;
}

static int take_turns(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg)
{
    struct turns *t = arg;
    struct pause turn = {end_of_turn, t};
    int rc = pause_here(pause);
    for (unsigned share = shares; share-- > 0;) {
        t->left = t->length;
        int one = fn(job, share, &turn);
        cr_assert(one == 0 || one == -EAGAIN);
        t->stopped += one != 0;
        rc = rc ? rc : one;
    }
    return rc;
}

struct thread_share {
    workers_share_fn fn;
    void *job;
    unsigned share;
    int rc;
};

static void *run_share(void *arg)
{
    struct thread_share *s = arg;
    s->rc = s->fn(s->job, s->share, NULL);
    return NULL;
}

static int run_threads(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg)
{
    struct thread_share share[16];
    pthread_t thread[16];
    (void)arg;
    (void)pause;
    for (unsigned i = 0; i < shares; i++) {
        share[i] = (struct thread_share){fn, job, i, 0};
        cr_assert_eq(pthread_create(&thread[i], NULL, run_share, &share[i]), 0);
    }
    int rc = 0;
    for (unsigned i = 0; i < shares; i++) {
        cr_assert_eq(pthread_join(thread[i], NULL), 0);
        rc = share[i].rc ? share[i].rc : rc;
    }
    return rc;
}

Test(build, makes_the_same_graph_in_any_number_of_shares)
{
    static const enum dataset_kind kinds[] = {DATASET_LATENT, DATASET_WHOLE, DATASET_TWINS};
    static const unsigned shares[] = {1, 2, 3, 7};
    for (size_t k = 0; k < 3; k++) {
        struct dataset d;
        dataset_init(&d, kinds[k], k == 0 ? METRIC_COSINE : METRIC_L2, k == 1 ? 64 : 32, 1000, 41);
        struct segment_index *alone = build(&d, NULL), *finished = build(&d, NULL);
        finish(finished, &d, NULL);
        for (size_t i = 0; i < 4; i++) {
            struct turns turns = {.length = 3 + (unsigned)i};
            struct workers workers = {shares[i], take_turns, &turns};
            struct segment_index *x = build(&d, &workers);
            /* twenty distinct vectors make little work */
            const unsigned least = kinds[k] == DATASET_TWINS ? 0 : 10;
            assert_same(alone, x);
            cr_assert_geq(turns.stopped, least);
            turns.stopped = 0;
            finish(x, &d, &workers);
            assert_same(finished, x);
            cr_assert_geq(turns.stopped, least);
            segment_index_destroy(x);
        }
        struct workers threads = {3, run_threads, NULL};
        struct segment_index *x = build(&d, &threads);
        finish(x, &d, &threads);
        assert_same(finished, x);
        segment_index_destroy(finished);
        segment_index_destroy(x);
        segment_index_destroy(alone);
        dataset_fini(&d);
    }
}

static int stop_soon(void *arg)
{
    unsigned *left = arg;
    return (*left)-- == 0 ? -ECANCELED : 0;
}

Test(build, stopped_in_the_middle_of_a_round_leaves_the_graph_of_the_round_before)
{
    struct dataset d;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 24, 1500, 42);
    struct segment_index *whole = build(&d, NULL), *x;
    struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    cr_assert_eq(segment_index_create(d.metric, d.dim, &options, &x), 0);
    unsigned left, stops = 0, grew = 0;
    struct pause pause = {stop_soon, &left};
    for (int rc = -ECANCELED; rc != 0; stops++) {
        uint32_t before = segment_index_graphed(x);
        struct turns turns = {.length = 4};
        struct workers workers = {3, take_turns, &turns};
        left = 3 + stops % 5; /* a walk pauses once or twice, and must be able to end */
        rc = segment_index_build(x, &d.rows, d.count, stops % 2 ? &workers : NULL, &pause);
        const char *why = NULL;
        cr_assert(rc == 0 || rc == -ECANCELED || rc == -EAGAIN);
        cr_assert_eq(hnsw_verify(graph_of(x), NULL, &why), 0, "%s", why);
        grew += segment_index_graphed(x) > before;
        cr_assert_lt(stops, 100000);
    }
    cr_assert_gt(stops, grew); /* some stops were within a round */
    assert_same(whole, x);
    segment_index_destroy(whole);
    segment_index_destroy(x);
    dataset_fini(&d);
}

/* As in a sorted list of words, the nearest rows of a row enter in the same round. */
Test(build, finds_the_neighbours_that_come_in_the_same_round)
{
    struct dataset families, d, queries;
    uint64_t state = 7;
    dataset_init(&families, DATASET_LATENT, METRIC_L2, 32, 80, 1);
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 32, 8000, 2);
    dataset_init(&queries, DATASET_LATENT, METRIC_L2, 32, 80, 3);
    for (uint32_t row = 0; row < d.count + queries.count; row++) {
        const uint32_t family = row < d.count ? row / 100 : row - d.count;
        float *to = row < d.count ? dataset_row(&d, row) : dataset_row(&queries, row - d.count);
        for (uint32_t i = 0; i < d.dim; i++)
            to[i] = dataset_row(&families, family)[i] + 0.05f * ((float)(dataset_random(&state) % 2001) / 1000 - 1);
    }
    struct segment_index *x = dataset_index(&d, 16, 100);
    const double recall = dataset_recall(&d, x, &queries, &(struct search_params){.k = 10, .ef = 32});
    cr_assert_gt(recall, 0.95, "recall %.3f", recall);
    segment_index_destroy(x);
    dataset_fini(&families);
    dataset_fini(&d);
    dataset_fini(&queries);
}

Test(build, knows_before_it_begins_what_memory_it_will_hold)
{
    static const struct {
        enum metric metric;
        uint32_t dim, rows;
        uint16_t m;
        unsigned shares;
    } shapes[] = {{METRIC_L2, 64, 6000, 8, 1}, {METRIC_COSINE, 300, 3000, 16, 2}, {METRIC_IP, 1024, 800, 12, 5}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct dataset d;
        dataset_init(&d, DATASET_LATENT, shapes[i].metric, shapes[i].dim, shapes[i].rows, 43);
        struct index_options options = {.m = shapes[i].m, .ef_construct = 40, .seed = 7};
        uint64_t predicted = index_memory(d.metric, d.dim, d.count, &options, shapes[i].shares);
        struct turns turns = {.length = UINT32_MAX};
        struct workers workers = {shapes[i].shares, take_turns, &turns};
        struct segment_index *x;
        cr_assert_eq(segment_index_create(d.metric, d.dim, &options, &x), 0);
        cr_assert_eq(segment_index_build(x, &d.rows, d.count, &workers, NULL), 0);
        double ratio = (double)predicted / (double)segment_index_bytes(x);
        cr_assert(ratio > 0.9 && ratio < 1.1, "shape %zu: %.3f", i, ratio);
        segment_index_destroy(x);
        dataset_fini(&d);
    }
}
