/* recall.c -- prints the recall curve of an index, the time to measure it, and whether searches
 * that ask for a recall get it.
 *
 *   build/release/bench/recall [FOLDER [ROWS]]
 *   build/release/bench/recall zoo:KIND [ROWS [DIMENSIONS [METRIC]]]
 *
 * Without a folder: 100 000 rows x 768 made from a seed. For the zoo: 6 000 x 64; metric 1 is l2, 2
 * ip, 3 cosine. All times are CPU time of this thread. */
#include "ann/zoo.h"
#include "clock.h"
#include "dataset.h"

#include "base/memory.h"
#include "index/recall/recall_measure.h"
#include "index/segment_index_internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K 10

static const float wanted[] = {.8f, .9f, .95f, .98f, .99f, .995f, .999f, 1};

static struct rows rows_of(const struct dataset *d, uint8_t **column)
{
    const uint32_t bytes = d->dim * (uint32_t)sizeof(float), stride = rows_stride(bytes);
    *column = huge_alloc((size_t)stride * d->count);
    for (uint32_t row = 0; *column && row < d->count; row++)
        memcpy(*column + (size_t)row * stride, d->base + (size_t)row * d->dim, bytes);
    return (struct rows){.chunk = column, .stride = stride, .shift = 31};
}

static struct segment_index *build(const struct dataset *d, const struct rows *vectors)
{
    const struct index_options options = {.m = 16, .ef_construct = 200, .seed = 1};
    struct segment_index *x, *opened = NULL;
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count;
    const char *why = "";
    if (segment_index_create(d->metric, d->dim, &options, &x) < 0)
        return NULL;
    const uint64_t began = clock_thread_cpu_ns();
    int rc = segment_index_build(x, vectors, d->count, NULL, NULL);
    rc = rc == 0 ? segment_index_finish(x, vectors, NULL, NULL) : rc;
    const uint64_t built = clock_thread_cpu_ns();
    free(x->curve);
    x->curve = NULL;
    rc = rc == 0 ? recall_measure(x, vectors, NULL, NULL) : rc;
    const double whole = (double)(built - began), curve = (double)(clock_thread_cpu_ns() - built);
    printf("built in %.2f s; the curve took %.2f s of it, %.1f %%\n", whole / 1e9, curve / 1e9, 100 * curve / whole);
    rc = rc == 0 ? segment_index_regions(x, regions, &count) : rc;
    if (rc == 0)
        rc = segment_index_open(d->metric, d->dim, d->count, regions, count, true, NULL, &opened, &why);
    if (rc < 0)
        fprintf(stderr, "recall: %s %s\n", strerror(-rc), why);
    return opened; /* it borrows from x, which lives until the program ends */
}

static void ladder_print(const char *name, const struct recall_ladder *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const struct recall_rung *r = &l->rung[i];
        printf("%-20s %5u %8.4f %8.4f %10.0f\n", i ? "" : name, r->ef, r->recall, r->floor, r->distances);
    }
}

static void curve_print(const struct recall_curve *c)
{
    if (!c)
        return;
    ladder_print("k 10", &c->of[0]);
    ladder_print("k 10, may end early", &c->early);
    ladder_print("k 100", &c->of[1]);
    if (c->scan.ef)
        printf("%-20s %5u %8.4f %8.4f\n", "scan", c->scan.ef, c->scan.recall, c->scan.floor);
}

static void ask(const struct dataset *d, const struct segment_index *x, const struct rows *vectors, float recall)
{
    struct search_scratch *scratch = search_scratch_create();
    struct recall truth;
    uint64_t found = 0;
    if (!scratch || recall_init(&truth, d, K) < 0)
        return;
    const struct search_params params = {.k = K, .recall = recall};
    uint64_t cpu = 0;
    for (uint32_t q = 0; q < d->query_count; q++) {
        struct hit hits[K];
        uint32_t ids[K];
        const uint64_t began = clock_thread_cpu_ns();
        const int n =
            segment_index_search(x, vectors, d->count, d->queries + (size_t)q * d->dim, &params, scratch, hits);
        cpu += clock_thread_cpu_ns() - began;
        for (int i = 0; i < n; i++)
            ids[i] = hits[i].row;
        found += recall_count(&truth, q, ids, n > 0 ? (uint32_t)n : 0);
    }
    printf("asked for %.3f: %.4f, %7.1f us a query\n", recall, (double)found / ((double)d->query_count * K),
           (double)cpu / d->query_count / 1e3);
    recall_fini(&truth);
    search_scratch_destroy(scratch);
}

static void ask_all(const struct dataset *d, const struct segment_index *x, const struct rows *vectors)
{
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        ask(d, x, vectors, wanted[i]);
}

static uint32_t number(int argc, char **argv, int at, uint32_t otherwise)
{
    return argc > at ? (uint32_t)strtoul(argv[at], NULL, 10) : otherwise;
}

/* Opens a set of the zoo like a folder. */
static int zoo_open(const char *name, int argc, char **argv, struct dataset *ret, struct error *e)
{
    const struct zoo_kind *kind = zoo_find(name);
    struct zoo_set set;
    if (!kind)
        return error_set(e, ERROR_NOT_FOUND, "the zoo has no %s", name);
    int rc = zoo_make(&set, kind, number(argc, argv, 3, 64), number(argc, argv, 2, 6000), 500, 1);
    if (rc < 0)
        return error_set_errno(e, rc, "making rows");
    *ret = (struct dataset){.metric = (enum metric)number(argc, argv, 4, METRIC_L2),
                            .dim = set.dim,
                            .count = set.count,
                            .query_count = set.query_count,
                            .truth_k = K,
                            .base = set.rows,
                            .queries = set.queries};
    snprintf(ret->name, sizeof(ret->name), "%s", name);
    ret->truth = calloc((size_t)ret->query_count * K, sizeof(*ret->truth));
    for (uint32_t i = 0; ret->metric == METRIC_COSINE && i < set.count; i++)
        (void)vectors_normalise(set.rows + (size_t)i * set.dim, set.dim);
    for (uint32_t i = 0; ret->metric == METRIC_COSINE && i < set.query_count; i++)
        (void)vectors_normalise(set.queries + (size_t)i * set.dim, set.dim);
    return ret->truth ? dataset_find_truth(ret, e) : error_set_errno(e, -ENOMEM, "finding the truth");
}

int main(int argc, char **argv)
{
    struct dataset_options o = {.folder = argc > 1 ? argv[1] : NULL, .count = number(argc, argv, 2, 0), .truth_k = K};
    struct dataset d;
    struct error e;
    uint8_t *column = NULL;
    const bool zoo = argc > 1 && strncmp(argv[1], "zoo:", 4) == 0;
    if ((zoo ? zoo_open(argv[1] + 4, argc, argv, &d, &e) : dataset_open(&o, &d, &e)) < 0) {
        fprintf(stderr, "recall: %s\n", e.text);
        return 1;
    }
    const struct rows vectors = rows_of(&d, &column);
    struct segment_index *x = column ? build(&d, &vectors) : NULL;
    if (!x)
        return 1;
    printf("%s: %u x %u\n", d.name, d.count, d.dim);
    curve_print(segment_index_curve(x));
    ask_all(&d, x, &vectors);
    if (x->curve && x->curve->early.count) {
        puts("walks that expand all their candidates:");
        x->curve->early.count = 0;
        ask_all(&d, x, &vectors);
    }
    dataset_fini(&d);
    return 0;
}
