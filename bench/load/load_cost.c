/* load_cost.c -- measures the overhead of a search: the CPU time of the server process for a search
 * over loopback, minus the CPU time of the same search on the same rows in this process. A closed
 * loop keeps the server busy, because an idle reactor polls before it sleeps, which would be
 * counted, too. Rounds of both alternate. */
#include "load/load.h"

#include "clock.h"
#include "peers/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 3

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void no_progress(void *arg, uint32_t done)
{
    progress_at(arg, done);
}

/* Builds the same index as the server. */
static void *index_build(const struct kith_index *x, const struct dataset *d)
{
    struct progress p;
    struct peer_times times = {0};
    progress_start(&p, "the same index here: building", d->count);
    struct peer_build b = {.metric = (enum peer_metric)d->metric,
                           .dim = d->dim,
                           .count = d->count,
                           .vectors = d->base,
                           .m = x->m,
                           .ef_construct = x->ef_construct,
                           .variant = {.code = (enum peer_code)x->code,
                                       .code_bits = x->code_bits,
                                       .refine = (enum peer_refine)x->refine,
                                       .links = (enum peer_links)x->links},
                           .threads = 1,
                           .ret_times = &times,
                           .progress = no_progress,
                           .arg = &p};
    void *index = peer_kith.build(&b);
    peer_kith.forget();
    progress_end(&p);
    return index;
}

static double local_search_us(void *index, const struct load_options *o, const struct dataset *d, uint32_t requests)
{
    uint32_t rows[100]; /* --k is at most 100 */
    struct peer_search s = {.k = o->k, .ef = o->ef};
    uint64_t cpu = clock_thread_cpu_ns();
    for (uint32_t i = 0; i < requests; i++)
        if (peer_kith.search(index, d->queries + (size_t)(i % d->query_count) * d->dim, &s, rows) < 0)
            return -1;
    return (double)(clock_thread_cpu_ns() - cpu) / 1e3 / requests;
}

static int server_search_us(struct drive *drive, struct drive_plan *plan, pid_t pid, double *ret_us, struct error *e)
{
    static struct drive_result result; /* histograms: too large for a stack */
    uint64_t cpu = server_cpu_ns(pid);
    int rc = drive_run(drive, plan, &result, e);
    if (rc < 0)
        return rc;
    if (cpu == 0)
        return error_set(e, ERROR_IO, "the CPU time of process %d cannot be read", (int)pid);
    if (result.search.errors)
        return error_set(e, ERROR_UNAVAILABLE, "%llu searches failed; the first: %s",
                         (unsigned long long)result.search.errors, result.search.error);
    *ret_us = (double)(server_cpu_ns(pid) - cpu) / 1e3 / (double)plan->requests;
    return 0;
}

static void overhead_report(const struct load_options *o, const struct dataset *d, double server_us, double local_us)
{
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"overhead\",\"data\":\"%s\",\"k\":%u,\"ef\":%u,\"requests\":%u,"
               "\"server_cpu_us\":%.2f,\"in_process_cpu_us\":%.2f,\"overhead_us\":%.2f}\n",
               d->name, o->k, o->ef, o->requests, server_us, local_us, server_us - local_us);
    else
        printf("CPU time a search, us (%s, k %u, ef %u, %u searches, median of %d rounds)\n"
               "  the server, over loopback  %8.2f\n  the same search in process %8.2f\n  difference                 "
               "%8.2f\n",
               d->name, o->k, o->ef, o->requests, ROUNDS, server_us, local_us, server_us - local_us);
}

static int rounds_run(const struct load_options *o, struct drive *drive, void *index, pid_t pid,
                      const struct dataset *d, struct error *e)
{
    struct drive_plan plan = {.collection = o->collection,
                              .data = d,
                              .in_flight = o->in_flight,
                              .k = o->k,
                              .ef = o->ef,
                              .batch = 1,
                              .requests = o->requests,
                              .seconds = 1};
    double server_us[ROUNDS], local_us[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) { /* round -1 warms both up */
        double server = 0, local = local_search_us(index, o, d, o->requests);
        int rc = server_search_us(drive, &plan, pid, &server, e);
        if (rc < 0 || local < 0)
            return rc < 0 ? rc : error_set_errno(e, -ENOMEM, "searching");
        if (round >= 0) {
            server_us[round] = server;
            local_us[round] = local;
        }
    }
    qsort(server_us, ROUNDS, sizeof(double), compare_double);
    qsort(local_us, ROUNDS, sizeof(double), compare_double);
    overhead_report(o, d, server_us[ROUNDS / 2], local_us[ROUNDS / 2]);
    return 0;
}

int load_overhead(const struct load_options *o, const char *address, pid_t pid, const struct dataset *d,
                  struct error *e)
{
    bool comparable;
    struct kith_info info = {0};
    struct kith *k = NULL;
    char text[ERROR_TEXT_MAX] = "";
    int rc = load_collection_prepare(o, address, d, &comparable, e);
    if (rc < 0)
        return rc;
    if (kith_open(address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    struct kith_index made = {0};
    const struct kith_segment *segments;
    size_t segment_count = 0;
    rc = kith_segments_read(k, o->collection, &info, &segments, &segment_count);
    if (rc < 0)
        rc = load_client_error(e, k, rc, "looking at the collection");
    for (size_t i = 0; rc == 0 && i < segment_count && made.m == 0; i++)
        /* all 0 for segments that are not sealed: then the options are left open here, too */
        made = segments[i].index;
    kith_close(k);
    if (rc < 0)
        return rc;
    if (info.sealed_segments > 1)
        fprintf(stderr, "load: the server searches %llu segments, but this process one: the difference includes that\n",
                (unsigned long long)info.sealed_segments);
    void *index = index_build(&made, d);
    if (!index)
        return error_set_errno(e, -ENOMEM, "the index in this process");
    struct drive *drive = NULL;
    rc = drive_open(&target_kith, address, o->connections, o->in_flight, &drive, e);
    if (rc == 0) {
        rc = rounds_run(o, drive, index, pid, d, e);
        drive_close(drive);
    }
    peer_kith.destroy(index);
    return rc;
}
