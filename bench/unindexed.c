/* unindexed.c -- measures searches of rows without a graph: CPU time and recall by their number,
 * beside a scan of all their codes. */
#include "base/memory.h"
#include "clock.h"
#include "dataset.h"
#include "index/scratch.h"
#include "index/segment_index_internal.h"
#include "options.h"
#include "vek.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: unindexed [options]\n"
                           "measures searches of an index whose last rows are in no graph yet, on one core\n"
                           "\n"
                           "  --data DIR        rows and queries (made from a seed)\n"
                           "  --dim N           of rows that are made (768)\n"
                           "  --rows N,...      rows without a graph (1000,2000,5000,10000,20000,50000,100000,200000)\n"
                           "  --graphed N       rows before them that are in the graph (0)\n"
                           "  --ef N            of searches; 0: the default (0)\n"
                           "  --queries N       (500)\n"
                           "  --sorted          rows come cluster by cluster\n";

static const struct option long_options[] = {{"data", required_argument, NULL, 'd'},
                                             {"dim", required_argument, NULL, 'm'},
                                             {"rows", required_argument, NULL, 'r'},
                                             {"graphed", required_argument, NULL, 'g'},
                                             {"ef", required_argument, NULL, 'e'},
                                             {"queries", required_argument, NULL, 'q'},
                                             {"sorted", no_argument, NULL, 's'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

#define ROUNDS   9
#define CLUSTERS 16

struct unindexed_bench {
    struct dataset_options data;
    uint32_t graphed, ef;
    bool sorted;
    const char *rows;
};

/* The measurements of one way to search. */
struct figures {
    double us, recall, seen, scored;
};

/* Sorts rows so that rows nearest to the same one of a few rows follow each other. */
static int sort_rows(struct dataset *d)
{
    const size_t dim = d->dim, step = d->count / CLUSTERS;
    float *sorted = malloc(d->count * dim * sizeof(float));
    uint8_t *cluster = calloc(d->count, 1);
    for (uint32_t i = 0; sorted && cluster && i < d->count; i++) {
        float nearest = INFINITY;
        for (uint8_t c = 0; c < CLUSTERS; c++) {
            const float l2 = vek.l2_f32(d->base + i * dim, d->base + c * step * dim, dim);
            cluster[i] = l2 < nearest ? c : cluster[i];
            nearest = l2 < nearest ? l2 : nearest;
        }
    }
    float *to = sorted;
    for (uint8_t c = 0; sorted && cluster && c < CLUSTERS; c++)
        for (uint32_t i = 0; i < d->count; i++)
            if (cluster[i] == c) {
                memcpy(to, d->base + i * dim, dim * sizeof(float));
                to += dim;
            }
    free(cluster);
    if (!sorted || !cluster)
        return -1;
    free(d->base);
    d->base = sorted;
    return 0;
}

/* Appends rows one by one, with background work now and then. */
static struct segment_index *grow(const struct unindexed_bench *b, const struct dataset *d, const struct rows *vectors,
                                  double *ret_append_us)
{
    struct segment_index *x;
    if (segment_index_create(d->metric, d->dim, NULL, &x) < 0)
        return NULL;
    const uint32_t graphed = b->graphed < d->count ? b->graphed : d->count;
    uint64_t append_ns = 0;
    int rc = 0;
    for (uint32_t row = 0, turn = 0; rc == 0 && row < d->count; row++) {
        const uint64_t began = clock_thread_cpu_ns();
        segment_index_append(x, vectors, row);
        append_ns += clock_thread_cpu_ns() - began;
        if (row >= turn || row + 1 == d->count) {
            rc = segment_index_advance(x, vectors, row < graphed ? row : graphed, NULL);
            turn = row + row / 8;
        }
    }
    if (rc == 0)
        rc = segment_index_advance(x, vectors, graphed, NULL);
    *ret_append_us = (double)append_ns / 1e3 / d->count;
    if (rc == 0)
        return x;
    segment_index_destroy(x);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int measure(const struct unindexed_bench *b, const struct dataset *d, const struct recall *recall,
                   const struct segment_index *x, const struct rows *vectors, struct search_scratch *scratch,
                   struct figures *ret)
{
    const struct search_params params = {.k = 10, .ef = b->ef};
    double us[ROUNDS];
    uint64_t found = 0, seen = 0, scored = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint64_t began = clock_thread_cpu_ns();
        for (uint32_t q = 0; q < d->query_count; q++) {
            struct hit hits[10];
            uint32_t rows[10];
            const int n =
                segment_index_search(x, vectors, d->count, d->queries + (size_t)q * d->dim, &params, scratch, hits);
            if (n < 0)
                return n;
            if (round + 1 < ROUNDS)
                continue;
            for (int i = 0; i < n; i++)
                rows[i] = hits[i].row;
            found += recall_count(recall, q, rows, (uint32_t)n);
            seen += scratch->unindexed_seen;
            scored += scratch->unindexed_scored;
        }
        us[round] = (double)(clock_thread_cpu_ns() - began) / 1e3 / d->query_count;
    }
    /* without the last round, which counts scored rows; the fastest round was disturbed least */
    qsort(us, ROUNDS - 1, sizeof(us[0]), by_value);
    *ret = (struct figures){us[0], (double)found / 10 / d->query_count, (double)seen / d->query_count,
                            (double)scored / d->query_count};
    return 0;
}

/* Lays rows out as an index needs them: each begins on a cache line. */
static int lay_out(const struct dataset *d, struct rows *ret)
{
    *ret = (struct rows){.stride = rows_stride(d->dim * sizeof(float)), .shift = 31};
    ret->chunk = malloc(sizeof(*ret->chunk));
    uint8_t *bytes = huge_alloc((size_t)ret->stride * d->count);
    if (!ret->chunk || !bytes)
        return -1;
    ret->chunk[0] = bytes;
    for (uint32_t i = 0; i < d->count; i++)
        memcpy(bytes + (size_t)i * ret->stride, d->base + (size_t)i * d->dim, d->dim * sizeof(float));
    return 0;
}

static int run(const struct unindexed_bench *b, uint32_t unbuilt)
{
    struct dataset_options options = b->data;
    options.count = unbuilt + b->graphed;
    struct dataset d;
    struct recall recall;
    struct error e;
    struct rows vectors;
    if (dataset_open(&options, &d, &e) < 0) {
        fprintf(stderr, "unindexed: %s\n", e.text);
        return -1;
    }
    struct search_scratch *scratch = search_scratch_create();
    if (!scratch || recall_init(&recall, &d, 10) < 0 || (b->sorted && sort_rows(&d) < 0) || lay_out(&d, &vectors) < 0)
        return -1;
    double append_us;
    struct segment_index *x = grow(b, &d, &vectors, &append_us);
    struct figures lists, flat;
    if (!x || measure(b, &d, &recall, x, &vectors, scratch, &lists) < 0)
        return -1;
    const double bytes = (double)unindexed_bytes(&x->unindexed);
    unindexed_fini(&x->unindexed);
    if (measure(b, &d, &recall, x, &vectors, scratch, &flat) < 0)
        return -1;
    printf("%-18s %4u %8u %8u  %8.1f  %.4f %8.0f %7.0f  %8.1f  %.4f  %6.2f %7.1f\n", d.name, d.dim, b->graphed,
           d.count - b->graphed, lists.us, lists.recall, lists.seen, lists.scored, flat.us, flat.recall, append_us,
           bytes / d.count);
    fflush(stdout);
    segment_index_destroy(x);
    search_scratch_destroy(scratch);
    huge_free(vectors.chunk[0], (size_t)vectors.stride * d.count);
    free(vectors.chunk);
    recall_fini(&recall);
    dataset_fini(&d);
    return 0;
}

static int read_options(int argc, char **argv, struct unindexed_bench *b)
{
    for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
        int rc = 0;
        switch (option) {
        case 'd': b->data.folder = optarg; break;
        case 'm': rc = option_u32("dim", optarg, 1, DIM_MAX, &b->data.dim); break;
        case 'r': b->rows = optarg; break;
        case 'g': rc = option_u32("graphed", optarg, 0, UINT32_MAX / 2, &b->graphed); break;
        case 'e': rc = option_u32("ef", optarg, 0, 100000, &b->ef); break;
        case 'q': rc = option_u32("queries", optarg, 1, 100000, &b->data.query_count); break;
        case 's': b->sorted = true; break;
        default: fputs(help, option == 'h' ? stdout : stderr); return option == 'h' ? 1 : -1;
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct unindexed_bench b = {.data = {.query_count = 500, .truth_k = 10},
                                .rows = "1000,2000,5000,10000,20000,50000,100000,200000"};
    const int rc = read_options(argc, argv, &b);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    core_pin(-1);
    puts("                                             by lists                             all codes         append  "
         "bytes\n"
         "data                dim  graphed  unbuilt        us  recall     rows  scored        us  recall      us   a "
         "row");
    for (const char *at = b.rows; *at;) {
        char *end;
        const unsigned long rows = strtoul(at, &end, 10);
        if (end == at || run(&b, (uint32_t)rows) < 0)
            return 1;
        at = *end == ',' ? end + 1 : end;
    }
    return 0;
}
