/* demo_measure.c -- three passes over the same 1 000 misspelt words. Exact search gives the truth,
 * one search at a time gives recall and latency, and a full pipeline on one connection gives the
 * throughput. */
#include "base/histogram.h"
#include "cli/demo/demo.h"
#include "cli/output.h"
#include "cli/recall.h"

#include <stdio.h>
#include <stdlib.h>

#define QUERIES         1000
#define NEAREST         10
#define EXACT_BATCH     50
#define PIPELINE        64
#define PIPELINE_ROUNDS 10
#define SEED            UINT64_C(20) /* the same misspellings in every run */
#define RECALL_MIN      0.95

struct truth {
    struct kith_id ids[QUERIES * NEAREST];
    float scores[QUERIES * NEAREST];
    uint32_t counts[QUERIES];
    float queries[QUERIES * WORD_DIM];
    struct histogram latency;
};

static const struct kith_search search_one = {.collection = DEMO_COLLECTION, .count = 1, .dim = WORD_DIM, .k = NEAREST};

static void queries_make(struct truth *t, const struct words *w)
{
    uint64_t state = SEED;
    for (size_t i = 0; i < QUERIES; i++) {
        char text[DEMO_WORD_BYTES * 2];
        word_misspell(w->list[(random_next(&state) >> 16) % w->count], &state, text, sizeof(text));
        word_vector(text, t->queries + i * WORD_DIM);
    }
}

static int truth_find(struct cli *c, struct truth *t)
{
    struct progress p;
    progress_begin(&p, "words compared with every other", QUERIES);
    for (size_t first = 0; first < QUERIES; first += EXACT_BATCH) {
        struct kith_search s = search_one;
        struct kith_result r;
        s.queries = t->queries + first * WORD_DIM;
        s.count = EXACT_BATCH;
        s.exact = true;
        if (kith_search(c->kith, &s, &r) < 0)
            return cli_fail_kith(c);
        for (size_t q = 0, at = 0; q < EXACT_BATCH; at += r.counts[q], q++) {
            uint32_t n = r.counts[q] < NEAREST ? r.counts[q] : NEAREST;
            t->counts[first + q] = n;
            for (uint32_t i = 0; i < n; i++) {
                t->ids[(first + q) * NEAREST + i] = r.ids[at + i];
                t->scores[(first + q) * NEAREST + i] = r.scores[at + i];
            }
        }
        progress_show(&p, first + EXACT_BATCH, 0);
    }
    progress_end(&p, QUERIES);
    return 0;
}

static int recall_measure(struct cli *c, struct truth *t, double *ret)
{
    size_t hits = 0, wanted = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        struct kith_search s = search_one;
        struct kith_result r;
        s.queries = t->queries + q * WORD_DIM;
        double from = clock_seconds();
        if (kith_search(c->kith, &s, &r) < 0)
            return cli_fail_kith(c);
        histogram_add(&t->latency, (uint64_t)((clock_seconds() - from) * 1e9));
        hits += recall_hits(KITH_COSINE, NEAREST, t->ids + q * NEAREST, t->scores + q * NEAREST, t->counts[q], r.ids,
                            r.scores, r.count);
        wanted += t->counts[q];
    }
    *ret = (double)hits / (double)wanted;
    return 0;
}

static int throughput_measure(struct cli *c, const struct truth *t, double *ret)
{
    size_t started = 0, done = 0, all = QUERIES * PIPELINE_ROUNDS;
    size_t in_flight = kith_requests_max(c->kith) < PIPELINE ? kith_requests_max(c->kith) : PIPELINE;
    double from = clock_seconds();
    while (done < all) {
        for (; started < all && started - done < in_flight; started++) {
            struct kith_search s = search_one;
            s.queries = t->queries + started % QUERIES * WORD_DIM;
            if (kith_start_search(c->kith, &s) < 0)
                return cli_fail_kith(c);
        }
        struct kith_reply reply;
        if (kith_next(c->kith, -1, &reply) != 1 || reply.code < 0)
            return cli_fail_kith(c);
        done++;
    }
    *ret = (double)all / (clock_seconds() - from);
    return 0;
}

int demo_measure(struct cli *c, const struct words *w)
{
    struct truth *t = calloc(1, sizeof(*t));
    double recall = 0, queries_per_s = 0;
    uint64_t points = 0;
    if (!t)
        return cli_fail("no memory for the queries");
    histogram_init(&t->latency);
    queries_make(t, w);
    int status = kith_count(c->kith, DEMO_COLLECTION, &points) < 0 ? cli_fail_kith(c) : 0;
    if (status == 0)
        status = truth_find(c, t) || recall_measure(c, t, &recall) || throughput_measure(c, t, &queries_per_s);
    if (status == 0) {
        printf("demo: %llu points, recall@10 %.4f against exact search, p50 %.0f us, p99 %.0f us, %.0f queries/s\n",
               (unsigned long long)points, recall, (double)histogram_percentile(&t->latency, 50) / 1e3,
               (double)histogram_percentile(&t->latency, 99) / 1e3, queries_per_s);
        fflush(stdout);
        if (recall < RECALL_MIN)
            status = cli_fail("recall@10 %.4f is below %.2f", recall, RECALL_MIN);
    }
    free(t);
    return status;
}
