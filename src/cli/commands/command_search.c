/* command_search.c -- search: one vector from the command line, or rows of a file. */
#include "cli/command.h"
#include "cli/filter_text.h"
#include "cli/import/vector_file.h"
#include "cli/json_text.h"
#include "cli/output.h"

#include <errno.h>
#include <kith/protocol.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search_job {
    struct kith_search search;
    uint64_t first; /* row number of its first query */
    bool headings;  /* print a heading for each of several queries */
};

/* Parses "0.1, 0.2, -3" into *ret, which the caller frees. Returns the number of values, or 0 after
 * printing an error. */
static uint32_t vector_parse(const char *text, float **ret)
{
    float *values = malloc((strlen(text) + 1) * sizeof(*values));
    uint32_t n = 0;
    const char *at = text + strspn(text, " \t[");
    while (values && *at && *at != ']') {
        char *end;
        values[n] = strtof(at, &end);
        if (end == at || !isfinite(values[n])) {
            sentence_print("kith search: --vector takes numbers separated by commas, not '%s'", at);
            free(values);
            return 0;
        }
        n++;
        at = end + strspn(end, " \t,\n");
    }
    if (n == 0)
        fprintf(stderr, "kith search: --vector is empty; give numbers separated by commas\n");
    *ret = values;
    return n;
}

static void hit_print_json(const struct kith_result *r, size_t i, uint32_t dim)
{
    fputs("{\"id\":", stdout);
    json_text_id(stdout, r->ids[i]);
    fputs(",\"score\":", stdout);
    json_text_float(stdout, r->scores[i]);
    if (r->payloads) {
        fputs(",\"payload\":", stdout);
        json_text_payload(stdout, r->payloads[i], r->payload_sizes[i]);
    }
    if (r->vectors) {
        fputs(",\"vector\":", stdout);
        json_text_vector(stdout, r->vectors + i * dim, dim);
    }
    fputc('}', stdout);
}

static void hits_print_json(const struct kith_result *r, size_t first, size_t n, uint64_t query, uint32_t dim)
{
    printf("{\"query\":%llu,\"hits\":[", (unsigned long long)query);
    for (size_t i = first; i < first + n; i++) {
        if (i > first)
            fputc(',', stdout);
        hit_print_json(r, i, dim);
    }
    fputs("]}\n", stdout);
}

static void hits_print(const struct kith_result *r, size_t first, size_t n, uint32_t dim)
{
    struct table t;
    char text[40];
    table_init(&t, r->payloads ? ">rank|>id|>score|payload" : ">rank|>id|>score", r->payloads ? 4 : 3);
    for (size_t i = first; i < first + n; i++) {
        table_cell(&t, "%zu", i - first + 1);
        table_cell(&t, "%s", kith_id_format(r->ids[i], text));
        table_cell(&t, "%.6g", (double)r->scores[i]);
        if (r->payloads)
            table_bytes(&t, r->payloads[i], r->payload_sizes[i]);
    }
    table_print(&t);
    for (size_t i = first; r->vectors && i < first + n; i++) {
        printf("vector of %s:", kith_id_format(r->ids[i], text));
        for (uint32_t j = 0; j < dim; j++)
            printf(" %g", (double)r->vectors[i * dim + j]);
        putchar('\n');
    }
}

static int search_run(struct cli *c, const struct search_job *job)
{
    struct kith_result r;
    if (kith_search(c->kith, &job->search, &r) < 0)
        return cli_fail_kith(c);
    size_t first = 0;
    for (size_t q = 0; q < r.queries; q++) {
        if (c->json) {
            hits_print_json(&r, first, r.counts[q], job->first + q, job->search.dim);
        } else {
            if (job->headings)
                printf("%squery %llu\n", q || job->first ? "\n" : "", (unsigned long long)(job->first + q));
            hits_print(&r, first, r.counts[q], job->search.dim);
        }
        first += r.counts[q];
    }
    return 0;
}

#define QUERIES_A_REQUEST 64

static int reject_say(const struct vector_reject *x, const char *path)
{
    const unsigned long long row = x->row, line = x->line;
    return line ? cli_fail("row %llu (line %llu) of %s: %s", row, line, path, x->reason)
                : cli_fail("row %llu of %s: %s", row, path, x->reason);
}

static int search_file(struct cli *c, struct search_job *job, const char *path, uint64_t row, uint64_t limit)
{
    struct error e;
    struct vector_file *f;
    struct vector_batch b;
    if (vector_file_open(path, NULL, 0, &f, &e) < 0)
        return cli_fail("%s", e.text);
    int rc = vector_file_seek(f, row, &e), status = 0;
    uint64_t left = limit;
    job->search.dim = vector_file_dim(f);
    job->first = row;
    while (rc >= 0 && status == 0 && left > 0) {
        rc = vector_file_next(f, left < QUERIES_A_REQUEST ? (size_t)left : QUERIES_A_REQUEST, &b, &e);
        if (rc <= 0)
            break;
        if (b.reject_count > 0) {
            status = reject_say(&b.rejects[0], path);
            break;
        }
        job->search.queries = b.vectors;
        job->search.count = b.count;
        job->first = job->search.first_query = b.row_first;
        if (b.count > 0)
            status = search_run(c, job);
        left -= b.count;
    }
    if (rc < 0)
        status = cli_fail("%s", e.text);
    else if (rc == 0 && left == limit)
        status = cli_fail("%s has no row %llu", path, (unsigned long long)row);
    vector_file_close(f);
    return status;
}

int command_search(struct cli *c, int argc, char **argv)
{
    struct search_job job = {0};
    const char *vector = NULL, *file = NULL, *fan_out = NULL, *recall = NULL, *filter = NULL;
    const char *words[OPTIONS_WORDS_MAX];
    uint64_t row = UINT64_MAX, limit = 0, k = 10, ef = 0, deadline_ms = 0;
    double refine_k = 0;
    size_t n;
    const struct option list[] = {
        {"vector", OPTION_TEXT, &vector, "NUMBERS", "the query: \"0.1,0.2,...\"", 0, 0},
        {"file", OPTION_TEXT, &file, "FILE", "the queries: .npy, .fvecs, .bvecs, .ivecs or .jsonl", 0, 0},
        {"row", OPTION_NUMBER, &row, "N", "only this row of the file", 0, 0},
        {"limit", OPTION_NUMBER, &limit, "N", "only the first N rows of the file", 1, 0},
        {"k", OPTION_NUMBER, &k, "N", "number of points (default 10)", 1, KITH_K_MAX},
        {"recall", OPTION_TEXT, &recall, "R",
         "the share of the nearest points to find, like 0.99; 1 is exact (default: the server's setting)", 0, 0},
        {"ef", OPTION_NUMBER, &ef, "N", "width of the beam (candidates), instead of --recall", 1, KITH_EF_MAX},
        {"refine-k", OPTION_REAL, &refine_k, "X", "score X times k candidates again (default: as the collection says)",
         1, 100},
        {"fan-out", OPTION_TEXT, &fan_out, "HOW",
         "number of cores for a search: auto, 1 or all (default: the server's setting)", 0, 0},
        {"exact", OPTION_FLAG, &job.search.exact, NULL, "compares the query with every point", 0, 0},
        {"filter", OPTION_TEXT, &filter, "CONDITIONS",
         "only points that pass, by indexed fields (kith field): \"year >= 1990 and year < 2000\"", 0, 0},
        {"with-payload", OPTION_FLAG, &job.search.with_payloads, NULL, "also the payloads", 0, 0},
        {"with-vector", OPTION_FLAG, &job.search.with_vectors, NULL, "also the vectors", 0, 0},
        {"deadline-ms", OPTION_NUMBER, &deadline_ms, "N", "time after which the search is given up, in ms", 1,
         UINT32_MAX},
    };
    const struct options o = {
        "search",
        "COLLECTION --vector NUMBERS | --file FILE",
        "Finds the points nearest to a vector. Scores: l2 is the squared distance (smaller is nearer),\n"
        "ip the inner product and cosine the similarity (larger is nearer).",
        list,
        ARRAY_LEN(list),
        1,
        1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (!vector == !file || (vector && (row != UINT64_MAX || limit)) || (row != UINT64_MAX && limit)) {
        fprintf(stderr,
                "kith search: give one of --vector and --file (with --row or --limit); see kith search --help\n");
        return EXIT_USAGE;
    }
    if (!!recall + (ef > 0) + job.search.exact > 1) {
        fprintf(stderr, "kith search: --recall, --ef and --exact exclude each other: give one of them\n");
        return EXIT_USAGE;
    }
    if (fan_out_parse("search", fan_out, &job.search.fan_out) != 0 ||
        recall_parse("search", recall, &job.search.recall) != 0)
        return EXIT_USAGE;
    static struct filter_text conditions;
    if (filter && filter_text_parse(filter, &conditions) != 0) {
        sentence_print("kith search: --filter: %s", conditions.problem);
        return EXIT_USAGE;
    }
    job.search.filter = conditions.conditions;
    job.search.filter_count = filter ? conditions.count : 0;
    job.search.collection = words[0];
    job.search.k = (uint32_t)k;
    job.search.ef = (uint32_t)ef;
    job.search.refine_k = (float)refine_k;
    job.search.deadline_ms = (uint32_t)deadline_ms;
    float *values = NULL;
    if (vector) {
        job.search.dim = vector_parse(vector, &values);
        if (job.search.dim == 0)
            return EXIT_USAGE;
        job.search.queries = values;
        job.search.count = 1;
        status = cli_connect(c) ? 1 : search_run(c, &job);
        free(values);
        return status;
    }
    if (cli_connect(c))
        return 1;
    job.headings = row == UINT64_MAX;
    if (row != UINT64_MAX)
        return search_file(c, &job, file, row, 1);
    return search_file(c, &job, file, 0, limit ? limit : UINT64_MAX);
}
