/* test_workers.c -- reactors as workers build the same graph as one reactor alone, and all
 * shares end when the build is stopped. */
#include "actors/workers.h"
#include "index/segment_index.h"

#include "../reactor/world.h"
#include <stdlib.h>
#include <string.h>

TestSuite(workers, .timeout = 60);

#define ROWS 800
#define DIM  16

static struct actor help[3];
static struct workers of_reactor[3];

static int let_others_run(void *arg)
{
    (void)arg;
    fiber_checkpoint();
    return 0;
}

static struct segment_index *build(const struct workers *workers, const struct rows *vectors)
{
    struct index_options options = {.m = 8, .ef_construct = 40, .seed = 7};
    struct segment_index *x = NULL;
    want_eq(segment_index_create(METRIC_L2, DIM, &options, &x), 0);
    const struct pause pause = {.fn = let_others_run};
    want_eq(segment_index_build(x, vectors, ROWS, workers, &pause), 0);
    return x;
}

static void want_same(struct segment_index *a, struct segment_index *b)
{
    struct index_region x[SEGMENT_INDEX_REGIONS], y[SEGMENT_INDEX_REGIONS];
    unsigned n, m;
    want_eq(segment_index_regions(a, x, &n), 0);
    want_eq(segment_index_regions(b, y, &m), 0);
    want_eq(n, m);
    for (unsigned i = 0; i < n; i++) {
        want_eq(x[i].size, y[i].size);
        want(x[i].size == 0 || memcmp(x[i].bytes, y[i].bytes, x[i].size) == 0);
    }
}

static void build_together(void *arg)
{
    (void)arg;
    workers_start(&of_reactor[reactor_id()], &help[reactor_id()]);
    if (reactor_id() != 0)
        return;
    uint8_t *bytes = calloc(ROWS, DIM * sizeof(float));
    want(bytes != NULL);
    for (uint32_t i = 0; i < ROWS * DIM; i++)
        ((float *)bytes)[i] = (float)(i * 2654435761u >> 20) / 4096;
    const struct rows vectors = {&bytes, DIM * sizeof(float), 31};
    struct segment_index *alone = build(NULL, &vectors), *together = build(&of_reactor[0], &vectors);
    want_same(alone, together);
    segment_index_destroy(alone);
    segment_index_destroy(together);
    free(bytes);
}

EVERYWHERE(workers, builds_the_graph_that_one_alone_builds)
{
    world_run_well(backend, 3, build_together, NULL);
}

/* A job without an end: a share runs until it is stopped. */
struct endless {
    _Atomic unsigned begun, ended;
};

static int go_on(void *arg, unsigned share, const struct pause *pause)
{
    struct endless *job = arg;
    int rc = 0;
    (void)share;
    job->begun++;
    while (rc == 0)
        rc = pause_here(pause);
    job->ended++;
    return rc;
}

static int stop_when_all_have_begun(void *arg)
{
    struct endless *job = arg;
    fiber_checkpoint();
    if (job->begun < 3) {
        fiber_sleep_ns(MILLIS(1));
        return 0;
    }
    return -ETIME;
}

static void stop_together(void *arg)
{
    struct endless *job = arg;
    struct workers *workers = &of_reactor[reactor_id()];
    workers_start(workers, &help[reactor_id()]);
    if (reactor_id() != 0)
        return;
    struct pause pause = {stop_when_all_have_begun, job};
    want_eq(workers_run(workers, go_on, job, &pause), -ETIME);
    want_eq(job->begun, 3);
    want_eq(job->ended, 3);
}

EVERYWHERE(workers, ends_everywhere_when_the_build_is_stopped)
{
    struct endless job = {0};
    world_run_well(backend, 3, stop_together, &job);
}
