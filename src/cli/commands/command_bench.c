/* command_bench.c -- bench: a closed loop of searches. Each connection keeps a fixed number of
 * requests in flight, so the latency includes the time that requests wait for each other.
 * bench/load measures at a given rate. */
#include "base/histogram.h"
#include "cli/command.h"
#include "cli/import/vector_file.h"
#include "cli/output.h"
#include "cli/recall.h"

#include <kith/protocol.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_QUERIES  100 /* number of queries that recall is measured with */
#define QUERIES_MAX     100000
#define IN_FLIGHT_MAX   256
#define CONNECTIONS_MAX 256

struct bench {
    const char *server;
    struct kith_search search; /* its queries are those of the whole file */
    uint64_t in_flight;
    double seconds;
};

struct bench_client {
    const struct bench *bench;
    size_t first; /* the first query to ask */
    pthread_t thread;
    int status;
    uint64_t errors;
    char error[ERROR_TEXT_MAX];
    struct histogram latency;
};

struct pending_search {
    int64_t request;
    double from;
};

static int64_t start_one(struct kith *k, const struct bench *b, size_t query)
{
    struct kith_search s = b->search;
    s.queries += query % b->search.count * s.dim;
    s.count = 1;
    return kith_start_search(k, &s);
}

static void client_failed(struct bench_client *c, const char *why)
{
    c->status = 1;
    snprintf(c->error, sizeof(c->error), "%s", why);
}

static void client_loop(struct bench_client *c, struct kith *k)
{
    const struct bench *b = c->bench;
    struct pending_search pending[IN_FLIGHT_MAX];
    size_t query = c->first, in_flight = 0;
    double until = clock_seconds() + b->seconds;
    for (; in_flight < b->in_flight; in_flight++) {
        pending[in_flight] = (struct pending_search){.from = clock_seconds()};
        pending[in_flight].request = start_one(k, b, query++);
        if (pending[in_flight].request < 0) {
            client_failed(c, kith_error(k));
            return;
        }
    }
    while (in_flight > 0) {
        struct kith_reply reply;
        if (kith_next(k, -1, &reply) != 1) {
            client_failed(c, kith_error(k));
            return;
        }
        double now = clock_seconds();
        size_t i = 0;
        while (pending[i].request != reply.request)
            i++;
        if (reply.code == 0)
            histogram_add(&c->latency, (uint64_t)((now - pending[i].from) * 1e9));
        else if (c->errors++ == 0)
            snprintf(c->error, sizeof(c->error), "%s", kith_error(k));
        if (now < until) {
            pending[i] = (struct pending_search){.request = start_one(k, b, query++), .from = now};
            if (pending[i].request < 0) {
                client_failed(c, kith_error(k));
                return;
            }
        } else {
            pending[i] = pending[--in_flight];
        }
    }
}

static void *client_run(void *arg)
{
    struct bench_client *c = arg;
    struct kith *k;
    histogram_init(&c->latency);
    if (kith_open(c->bench->server, &k, c->error, sizeof(c->error)) < 0) {
        c->status = 1;
        return NULL;
    }
    client_loop(c, k);
    kith_close(k);
    return NULL;
}

/* Recall of the first queries of the file; negative after printing the error. */
static double recall_measure(struct cli *c, const struct bench *b, enum kith_metric metric)
{
    size_t hits = 0, wanted = 0, sample = b->search.count < SAMPLE_QUERIES ? b->search.count : SAMPLE_QUERIES;
    size_t k = b->search.k;
    struct kith_id *ids = malloc(k * sizeof(*ids));
    float *scores = malloc(k * sizeof(*scores));
    bool good = ids && scores;
    for (size_t q = 0; q < sample && good; q++) {
        struct kith_search s = b->search;
        struct kith_result r;
        s.queries += q * s.dim;
        s.count = 1;
        s.exact = true;
        good = kith_search(c->kith, &s, &r) == 0;
        if (!good)
            break;
        size_t n = r.count < k ? r.count : k;
        for (size_t i = 0; i < n; i++) {
            ids[i] = r.ids[i];
            scores[i] = r.scores[i];
        }
        s.exact = false;
        good = kith_search(c->kith, &s, &r) == 0;
        if (good)
            hits += recall_hits(metric, k, ids, scores, n, r.ids, r.scores, r.count);
        wanted += n;
    }
    free(ids);
    free(scores);
    if (!good)
        return -cli_fail_kith(c);
    return wanted ? (double)hits / (double)wanted : 1;
}

static int clients_run(struct cli *c, const struct bench *b, size_t connections, double recall)
{
    struct bench_client *clients = calloc(connections, sizeof(*clients));
    struct histogram *all = malloc(sizeof(*all));
    uint64_t errors = 0;
    if (!clients || !all) {
        free(clients);
        free(all);
        return cli_fail("no memory for %zu connections", connections);
    }
    histogram_init(all);
    double from = clock_seconds();
    int status = 0;
    size_t started = 0;
    for (; started < connections; started++) {
        clients[started].bench = b;
        clients[started].first = started * b->search.count / connections;
        if (pthread_create(&clients[started].thread, NULL, client_run, &clients[started]) != 0) {
            status = cli_fail("cannot start thread %zu", started);
            break;
        }
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(clients[i].thread, NULL);
        histogram_merge(all, &clients[i].latency);
        errors += clients[i].errors;
        if (clients[i].error[0] && status == 0)
            status = cli_fail("%s", clients[i].error);
    }
    double seconds = clock_seconds() - from;
    double p50 = (double)histogram_percentile(all, 50) / 1e3, p99 = (double)histogram_percentile(all, 99) / 1e3;
    double qps = (double)all->count / seconds;
    if (c->json)
        cli_print_json(json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "recall", recall, "p50_us", p50, "p99_us",
                                 p99, "queries_per_s", qps, "queries", (json_int_t)all->count, "errors",
                                 (json_int_t)errors, "connections", (json_int_t)connections, "in_flight",
                                 (json_int_t)b->in_flight));
    else
        printf(
            "recall@%u %.4f  p50 %.0f us  p99 %.0f us  %s queries/s  (%s queries in %.1f s, %zu connection%s x %llu in "
            "flight%s%s)\n",
            b->search.k, recall, p50, p99, number_text((uint64_t)qps), number_text(all->count), seconds, connections,
            plural(connections), (unsigned long long)b->in_flight, errors ? ", failed: " : "",
            errors ? number_text(errors) : "");
    free(clients);
    free(all);
    return status;
}

int command_bench(struct cli *c, int argc, char **argv)
{
    const char *file = NULL, *fan_out = NULL, *wanted = NULL, *words[OPTIONS_WORDS_MAX];
    uint64_t k = 10, ef = 0, seconds = 5, connections = 1, in_flight = 1;
    size_t n;
    const struct option list[] = {
        {"queries", OPTION_TEXT, &file, "FILE", "the queries, asked in turn (required)", 0, 0},
        {"k", OPTION_NUMBER, &k, "N", "how many points (default 10)", 1, KITH_K_MAX},
        {"recall", OPTION_TEXT, &wanted, "R",
         "the share of the nearest points to find, like 0.99; 1 is exact (default: the server's setting)", 0, 0},
        {"ef", OPTION_NUMBER, &ef, "N", "width of the beam (candidates), instead of --recall", 1, KITH_EF_MAX},
        {"fan-out", OPTION_TEXT, &fan_out, "HOW",
         "number of cores for a search: auto, 1 or all (default: the server's setting)", 0, 0},
        {"seconds", OPTION_NUMBER, &seconds, "N", "duration (default 5)", 1, 86400},
        {"connections", OPTION_NUMBER, &connections, "N", "connections, a thread each (default 1)", 1, CONNECTIONS_MAX},
        {"in-flight", OPTION_NUMBER, &in_flight, "N", "searches under way on each (default 1)", 1, IN_FLIGHT_MAX},
    };
    const struct options o = {
        "bench",
        "COLLECTION --queries FILE",
        "Measures searches: recall of the first 100 queries against exact search, then latency and throughput of a\n"
        "closed loop over the file.",
        list,
        ARRAY_LEN(list),
        1,
        1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (!file) {
        fputs("kith bench: --queries is required; see kith bench --help\n", stderr);
        return EXIT_USAGE;
    }
    enum kith_fan_out cores;
    float share = 0;
    if (fan_out_parse("bench", fan_out, &cores) != 0 || recall_parse("bench", wanted, &share) != 0)
        return EXIT_USAGE;
    struct kith_info info;
    struct error e;
    struct vector_file *f;
    struct vector_batch batch;
    if (cli_connect(c))
        return 1;
    if (kith_info_read(c->kith, words[0], &info) < 0)
        return cli_fail_kith(c);
    enum kith_metric metric = info.collection.metric;
    uint64_t rows = QUERIES_MAX;
    if (vector_file_open(file, NULL, info.collection.dim, &f, &e) < 0)
        return cli_fail("%s", e.text);
    if (!vector_file_rows(f, &rows) || rows > QUERIES_MAX)
        rows = QUERIES_MAX;
    int rc = vector_file_next(f, (size_t)rows, &batch, &e);
    if (rc <= 0 || batch.count == 0) {
        vector_file_close(f);
        return cli_fail("%s", rc < 0 ? e.text : "the file has no query");
    }
    const struct bench b = {
        .server = c->server,
        .search = {.collection = words[0],
                   .queries = batch.vectors,
                   .count = batch.count,
                   .dim = info.collection.dim,
                   .k = (uint32_t)k,
                   .ef = (uint32_t)ef,
                   .recall = share,
                   .fan_out = cores},
        .in_flight = in_flight < kith_requests_max(c->kith) ? in_flight : kith_requests_max(c->kith),
        .seconds = (double)seconds,
    };
    double recall = recall_measure(c, &b, metric);
    status = recall < 0 ? 1 : clients_run(c, &b, (size_t)connections, recall);
    vector_file_close(f);
    return status;
}
