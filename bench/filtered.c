/* filtered.c -- measures the CPU time and the recall of a filtered search in one sealed segment, by
 * the share of rows that pass: for each plan, and for the plan that the planner chooses.
 *
 * The field of a row is its number, and the filter is a range of numbers. Either the numbers are
 * drawn at random, independent of the vectors. Or (--sorted) rows are numbered by their position
 * along one direction. Then all neighbours of most queries pass, or none of them. */
#include "base/memory.h"
#include "clock.h"
#include "columns/column.h"
#include "dataset.h"
#include "options.h"
#include "query/filtered_search.h"
#include "random.h"
#include "vek.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: filtered [options]\n"
                           "measures filtered searches of one sealed index by each plan, on one core\n"
                           "\n"
                           "  --data DIR        rows and queries (made from a seed)\n"
                           "  --dim N           of rows that are made (128)\n"
                           "  --rows N          (100000)\n"
                           "  --queries N       (200)\n"
                           "  --recall F        that searches ask for (.95)\n"
                           "  --payloads        there is no column: tests take a microsecond\n"
                           "  --sorted          the filter has to do with where rows lie\n";

static const struct option long_options[] = {{"data", required_argument, NULL, 'd'},
                                             {"dim", required_argument, NULL, 'm'},
                                             {"rows", required_argument, NULL, 'r'},
                                             {"queries", required_argument, NULL, 'q'},
                                             {"recall", required_argument, NULL, 'a'},
                                             {"payloads", no_argument, NULL, 'p'},
                                             {"sorted", no_argument, NULL, 's'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

#define K          10
#define ROUNDS     5
#define PLANS      3
#define PAYLOAD_NS 1000

static const double shares[] = {.001, .003, .01, .03, .1, .3, .5, .7, .9, .99};
static const char *const names[PLANS] = {"scan", "walk", "test"};

struct bench {
    struct dataset_options data;
    struct dataset d;
    struct rows vectors;
    struct segment_index *index;
    struct column column;
    uint32_t *number; /* of each row */
    struct search_scratch *scratch;
    struct filter_scratch filter_scratch;
    struct index_cost cost;
    float recall;
    bool payloads, sorted;
    uint64_t random;
};

/* -- data -- */

struct place {
    float at;
    uint32_t row;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at ? -1 : 1) : 0;
}

/* Rows get numbers from 0 on: in any order, or by their place on the line through two of them. */
static int number_rows(struct bench *b)
{
    const struct dataset *d = &b->d;
    struct place *places = calloc(d->count, sizeof(*places));
    struct random random = {7};
    b->number = calloc(d->count, sizeof(*b->number));
    if (!places || !b->number)
        return -1;
    for (uint32_t i = 0; i < d->count; i++) {
        const float *row = d->base + (size_t)i * d->dim;
        const float line = vek.ip_f32(row, d->base, d->dim) - vek.ip_f32(row, d->base + d->dim, d->dim);
        places[i] = (struct place){b->sorted ? line : (float)random_unit(&random), i};
    }
    qsort(places, d->count, sizeof(*places), by_place);
    for (uint32_t i = 0; i < d->count; i++)
        b->number[places[i].row] = i;
    free(places);
    return 0;
}

static int make_column(struct bench *b)
{
    int rc = column_create(column_kind_named("integer"), 0, &b->column);
    for (uint32_t i = 0; rc == 0 && i < b->d.count; i++) {
        const struct value value = {VALUE_INTEGER, .integer = b->number[i]};
        rc = column_append(&b->column, &(struct field_values){&value, 1, false, false});
    }
    return rc == 0 ? column_sort(&b->column, NULL) : rc;
}

static int make_index(struct bench *b)
{
    struct segment_index *x; /* what is opened borrows from it, to the end */
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count;
    const char *why;
    int rc = segment_index_create(b->d.metric, b->d.dim, NULL, &x);
    if (rc == 0)
        rc = segment_index_build(x, &b->vectors, b->d.count, NULL, NULL);
    if (rc == 0)
        rc = segment_index_finish(x, &b->vectors, NULL, NULL);
    if (rc == 0)
        rc = segment_index_regions(x, regions, &count);
    return rc < 0 ? rc
                  : segment_index_open(b->d.metric, b->d.dim, b->d.count, regions, count, true, NULL, &b->index, &why);
}

static int lay_out(struct bench *b)
{
    const uint32_t bytes = b->d.dim * (uint32_t)sizeof(float), stride = rows_stride(bytes);
    static uint8_t *piece;
    piece = huge_alloc((size_t)stride * b->d.count);
    for (uint32_t i = 0; piece && i < b->d.count; i++)
        memcpy(piece + (size_t)i * stride, b->d.base + (size_t)i * b->d.dim, bytes);
    b->vectors = (struct rows){.chunk = &piece, .stride = stride, .shift = ROWS_ONE_PIECE};
    return piece ? 0 : -1;
}

/* -- searching -- */

static bool passes(const struct bench *b, const struct predicate *p, uint32_t row)
{
    return b->number[row] >= p->range.low.integer && b->number[row] < p->range.high.integer;
}

static bool test_payload(void *arg, const struct predicate *p, uint32_t row)
{
    for (const uint64_t began = clock_thread_cpu_ns(); clock_thread_cpu_ns() - began < PAYLOAD_NS;)
        ;
    return passes(arg, p, row);
}

/* A range of numbers that a share of the rows have; another for each query. */
static struct filter filter_of(const struct bench *b, double share, uint32_t query)
{
    const uint32_t wide = (uint32_t)(share * b->d.count);
    struct random random = {query};
    const uint32_t low = random_below(&random, b->d.count - wide + 1);
    struct filter f = {.op = FILTER_TEST,
                       .test = {.op = PREDICATE_RANGE, .kind = column_kind_named("integer"), .path = "n"}};
    f.test.range.low = (struct value){VALUE_INTEGER, .integer = low};
    f.test.range.high = (struct value){VALUE_INTEGER, .integer = low + wide};
    f.test.range.high_open = true;
    return f;
}

static struct filtered_search search_of(struct bench *b, const struct filter *f, struct filter_rows *rows,
                                        uint32_t query, struct search_work *work)
{
    static const struct column *columns[1];
    columns[0] = &b->column;
    *rows = (struct filter_rows){b->d.count, columns, b->payloads ? 0 : 1, test_payload, b, NULL, NULL};
    return (struct filtered_search){.filter = f,
                                    .rows = rows,
                                    .index = b->index,
                                    .vectors = &b->vectors,
                                    .query = b->d.queries + (size_t)query * b->d.dim,
                                    .params = {.k = K, .recall = b->recall, .allowed_count = b->d.count, .work = work},
                                    .scratch = b->scratch,
                                    .filter_scratch = &b->filter_scratch,
                                    .cost = &b->cost};
}

/* The distance of the farthest of the k nearest rows that pass. */
static float farthest(struct bench *b, const struct filter *f, uint32_t query)
{
    float near[K];
    const float *q = b->d.queries + (size_t)query * b->d.dim;
    for (int i = 0; i < K; i++)
        near[i] = INFINITY;
    for (uint32_t row = 0; row < b->d.count; row++) {
        const void *at = rows_at(&b->vectors, row);
        float distance;
        if (!passes(b, &f->test, row))
            continue;
        vectors_distances(b->d.metric, q, &at, 1, b->d.dim, &distance);
        for (int i = 0; i < K; i++)
            if (distance < near[i]) {
                memmove(near + i + 1, near + i, (size_t)(K - 1 - i) * sizeof(*near));
                near[i] = distance;
                break;
            }
    }
    return near[K - 1];
}

struct figures {
    double us, expected_us, recall;
    unsigned planned[PLANS];
};

/* kind PLANS: as is planned. */
static int measure(struct bench *b, double share, unsigned kind, const float *far, struct figures *ret)
{
    *ret = (struct figures){.us = INFINITY};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t sum = 0;
        ret->expected_us = ret->recall = 0;
        memset(ret->planned, 0, sizeof(ret->planned));
        for (uint32_t query = 0; query < b->d.query_count; query++) {
            const struct filter f = filter_of(b, share, query);
            struct filter_rows rows;
            struct search_work work = {0};
            const struct filtered_search search = search_of(b, &f, &rows, query, &work);
            const uint64_t began = clock_thread_cpu_ns();
            struct plan plan =
                kind < PLANS ? filtered_search_plan_of(&search, (enum plan_kind)kind) : filtered_search_plan(&search);
            ret->expected_us += plan.cost_ns / 1e3 / b->d.query_count;
            ret->planned[plan.kind]++;
            const int n = filtered_search_run(&search, &plan);
            const uint64_t took = clock_thread_cpu_ns() - began;
            if (n < 0)
                return n;
            if (kind == PLANS)
                index_cost_note(&b->cost, &work, took);
            sum += took;
            for (int i = 0; i < n; i++)
                ret->recall += b->filter_scratch.hits[i].distance <= far[query] ? 1.0 / K / b->d.query_count : 0;
        }
        const double us = (double)sum / 1e3 / b->d.query_count;
        ret->us = us < ret->us ? us : ret->us; /* the round that was disturbed least */
    }
    return 0;
}

static int measure_share(struct bench *b, double share)
{
    struct figures of[PLANS + 1];
    float *far = calloc(b->d.query_count, sizeof(*far));
    int rc = far ? 0 : -1;
    for (uint32_t q = 0; rc == 0 && q < b->d.query_count; q++) {
        const struct filter f = filter_of(b, share, q);
        far[q] = farthest(b, &f, q);
    }
    b->cost = (struct index_cost){0};
    for (unsigned kind = PLANS + 1; rc == 0 && kind-- > 0;)
        rc = measure(b, share, kind, far, &of[kind]);
    free(far);
    if (rc < 0)
        return rc;
    double least = of[0].us;
    printf("| %g |", share);
    for (unsigned kind = 0; kind < PLANS; kind++) {
        least = of[kind].us < least ? of[kind].us : least;
        printf(" %.1f (%.0f) %.3f |", of[kind].us, of[kind].expected_us, of[kind].recall);
    }
    printf(" %.1f %.3f | %.2f |", of[PLANS].us, of[PLANS].recall, of[PLANS].us / least);
    for (unsigned kind = 0; kind < PLANS; kind++)
        if (of[PLANS].planned[kind])
            printf(" %u %s", of[PLANS].planned[kind], names[kind]);
    printf(" | %.2f %.2f %.2f, %.2f |\n", b->cost.factor[0], b->cost.factor[1], b->cost.factor[2], b->cost.retried);
    fflush(stdout);
    return 0;
}

static int read_options(int argc, char **argv, struct bench *b)
{
    for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
        int rc = 0;
        switch (option) {
        case 'd': b->data.folder = optarg; break;
        case 'm': rc = option_u32("dim", optarg, 1, 65536, &b->data.dim); break;
        case 'r': rc = option_u32("rows", optarg, 1, UINT32_MAX / 4, &b->data.count); break;
        case 'q': rc = option_u32("queries", optarg, 1, 100000, &b->data.query_count); break;
        case 'a': b->recall = strtof(optarg, NULL); break;
        case 'p': b->payloads = true; break;
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
    static struct bench b = {.data = {.query_count = 200, .truth_k = K, .dim = 128, .count = 100000}, .recall = .95f};
    struct error e = {0};
    int rc = read_options(argc, argv, &b);
    if (rc != 0)
        return rc > 0 ? 0 : 2;
    core_pin(-1);
    rc = dataset_open(&b.data, &b.d, &e);
    b.scratch = search_scratch_create();
    if (rc == 0)
        rc = !b.scratch || lay_out(&b) < 0 || number_rows(&b) < 0 ? -1 : make_column(&b);
    if (rc == 0)
        rc = make_index(&b);
    if (rc < 0) {
        fprintf(stderr, "filtered: %s\n", e.text[0] ? e.text : strerror(-rc));
        return 1;
    }
    puts("| share | scan us (expected) recall | walk | test | planned us recall | x cheapest | plans "
         "| factors, retried |\n|---|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]) && rc == 0; i++)
        rc = measure_share(&b, shares[i]);
    return rc < 0;
}
