/* load_scaling.c -- how much faster are several cores? One reactor and several reactors serve the
 * same data in turns, one server at a time.
 *
 * In saturation, many queries share a frame, so that the load, which runs on the same machine,
 * costs almost nothing. The CPU time of the server's threads is printed as well; it shows what
 * cores of their own would achieve. At low load queries come one by one. The naive way is measured
 * too: every core keeps a graph of its own rows, and every query goes to all cores. */
#include "load/load.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS    3
#define WARM_UP_S 1
#define LOW_SHARE 0.05 /* of the capacity of one reactor */
#define GAIN      1.8  /* least gain in throughput of several reactors, for two */
#define NO_WORSE  1.05 /* two medians of the same quantity may differ by this factor */

enum { ALONE, AUTO, ONE, ALL, NAIVE, WAYS };
static const enum kith_fan_out fan_outs[WAYS] = {KITH_FAN_OUT_SETTING, KITH_FAN_OUT_AUTO, KITH_FAN_OUT_ONE,
                                                 KITH_FAN_OUT_ALL, KITH_FAN_OUT_ALL};
static const char *const names[WAYS] = {"alone", "auto", "1", "all", "naive"};

/* The data after all segments were merged, and as each core sealed its own part. */
enum { MERGED, APART, FOLDERS };

/* Measurements of all rounds; medians are taken at the end. */
struct way {
    /* CPU time of the server and of the load: seconds for 1000 queries */
    double qps[ROUNDS], cpu_s[ROUNDS], load_s[ROUNDS];
    double p50_us[ROUNDS], p99_us[ROUNDS]; /* at low load */
    /* share of searches that went to all cores */
    double wide[ROUNDS], low_wide[ROUNDS];
    uint64_t found, wanted, errors;
    uint64_t server_ns, load_ns; /* CPU time of the last phase */
};

struct scaling {
    const struct load_options *options;
    const struct dataset *data;
    struct live live;
    struct server makers[FOLDERS]; /* own the folders */
    uint64_t segments[FOLDERS];
    double low_rate;
    struct kith *control; /* connection to the measured server */
    pid_t pid;
    struct way ways[WAYS];
    struct error *error;
};

static int server_open(struct scaling *s, unsigned reactors, int folder, struct server *ret)
{
    struct load_options o = *s->options;
    const char *made = s->makers[folder].folder;
    char arguments[512];
    snprintf(arguments, sizeof(arguments), "--reactors %u %.400s", reactors, o.kithd_args ? o.kithd_args : "");
    o.kithd_args = arguments;
    return server_start(&o, made[0] ? made : NULL, ret, NULL, s->error);
}

static int fails(struct scaling *s, struct kith *k, int rc, const char *doing)
{
    return rc < 0 ? load_client_error(s->error, k, rc, doing) : 0;
}

/* Waits until no segment is left to merge, or only until all are sealed. */
static int data_rest(struct scaling *s, struct kith *k, int folder)
{
    const char *name = s->options->collection;
    struct kith_info info = {0};
    int rc = folder == MERGED ? fails(s, k, kith_compact(k, name), "compacting")
                              : fails(s, k, kith_seal(k, name), "sealing");
    if (rc == 0)
        rc = load_segments_settle(k, name, s->error);
    if (rc == 0)
        rc = fails(s, k, kith_info_read(k, name, &info), "looking at the collection");
    s->segments[folder] = info.sealed_segments;
    return rc;
}

static int data_fill(struct scaling *s, struct kith *k)
{
    const struct load_options *o = s->options;
    int rc = load_collection_create(k, o, o->collection, s->data, s->error);
    return rc < 0 ? rc : load_collection_import(k, o->collection, s->data, NULL, s->error);
}

/* The merged data is settled on one reactor too, which had the segments of several reactors. */
static int data_visit(struct scaling *s, const struct server *at, int folder, bool fill)
{
    char text[ERROR_TEXT_MAX] = "";
    struct kith *k = NULL;
    if (kith_open(at->address, &k, text, sizeof(text)) < 0)
        return error_set(s->error, ERROR_UNAVAILABLE, "%s", text);
    int rc = fill ? data_fill(s, k) : 0;
    if (rc == 0)
        rc = data_rest(s, k, folder);
    kith_close(k);
    return rc;
}

static int data_make(struct scaling *s, int folder)
{
    struct server *maker = &s->makers[folder], again;
    fprintf(stderr, "load: the data, %s\n", folder == MERGED ? "merged" : "as each core was given its part");
    int rc = server_open(s, s->options->reactors, folder, maker);
    if (rc == 0)
        rc = data_visit(s, maker, folder, true);
    if (rc == 0 && server_stop(maker) != 0)
        rc = error_set(s->error, ERROR_INTERNAL, "kithd did not end well; what it said is in %s", maker->log);
    if (rc == 0 && folder == MERGED) {
        rc = server_open(s, 1, folder, &again);
        if (rc == 0)
            rc = load_server_end(&again, data_visit(s, &again, folder, false), s->error);
    }
    return rc;
}

/* -- measuring -- */

static struct drive_plan plan_of(struct scaling *s, int way, uint64_t seed)
{
    const struct load_options *o = s->options;
    return (struct drive_plan){.collection = o->collection,
                               .data = s->data,
                               .live = &s->live,
                               .seconds = o->seconds,
                               .behind_max_s = 5,
                               .in_flight = o->in_flight,
                               .k = o->k,
                               .ef = o->ef,
                               .batch = 1,
                               .queries = o->batch,
                               .fan_out = fan_outs[way],
                               .uniform = o->uniform,
                               .seed = seed};
}

static void found_add(struct way *w, const struct drive_result *r)
{
    w->found += r->recall_found;
    w->wanted += r->recall_wanted;
    if (w->errors == 0 && r->search.errors)
        fprintf(stderr, "load: the first error: %s\n", r->search.error);
    w->errors += r->search.errors;
}

/* Numbers of searches so far that went to one core, and to all. */
static void fan_out_read(struct kith *k, double ret[2])
{
    struct kith_stats stats;
    ret[0] = ret[1] = 0;
    if (kith_stats_read(k, &stats) < 0)
        return;
    for (size_t i = 0; i < stats.reactor_count; i++) {
        ret[0] += (double)stats.reactors[i].searches_narrow;
        ret[1] += (double)stats.reactors[i].searches_wide;
    }
}

/* Warms up and measures; *ret_wide is the share of searches that went to all cores. */
static int plan_run(struct scaling *s, struct drive *drive, struct drive_plan *plan, struct drive_result *ret,
                    double *ret_wide, struct way *w)
{
    double before[2], after[2];
    plan->seconds = WARM_UP_S;
    int rc = drive_run(drive, plan, ret, s->error);
    if (rc < 0)
        return rc;
    fan_out_read(s->control, before);
    plan->seconds = s->options->seconds;
    w->server_ns = server_cpu_ns(s->pid);
    w->load_ns = clock_process_cpu_ns();
    rc = drive_run(drive, plan, ret, s->error);
    w->server_ns = server_cpu_ns(s->pid) - w->server_ns;
    w->load_ns = clock_process_cpu_ns() - w->load_ns;
    fan_out_read(s->control, after);
    double narrow = after[0] - before[0], wide = after[1] - before[1];
    *ret_wide = wide > 0 ? wide / (wide + narrow) : 0;
    if (rc == 0 && ret->search.served == 0)
        rc = error_set(s->error, ERROR_UNAVAILABLE, "no search was answered: %s", ret->search.error);
    found_add(w, ret);
    return rc;
}

static int saturated_run(struct scaling *s, struct drive *drive, int way, int round)
{
    static struct drive_result r;
    struct way *w = &s->ways[way];
    struct drive_plan plan = plan_of(s, way, (uint64_t)round + 1);
    int rc = plan_run(s, drive, &plan, &r, &w->wide[round], w);
    if (rc < 0)
        return rc;
    double thousands = (double)r.search.served * s->options->batch / 1000;
    w->cpu_s[round] = (double)w->server_ns / 1e9 / thousands;
    w->load_s[round] = (double)w->load_ns / 1e9 / thousands;
    w->qps[round] = r.search.served_qps * s->options->batch;
    return 0;
}

static int low_run(struct scaling *s, struct drive *drive, int way, int round)
{
    static struct drive_result r;
    struct way *w = &s->ways[way];
    struct drive_plan plan = plan_of(s, way, (uint64_t)round + 100);
    plan.queries = 1;
    plan.rate = s->low_rate;
    int rc = plan_run(s, drive, &plan, &r, &w->low_wide[round], w);
    w->p50_us[round] = (double)histogram_percentile(&r.search.latency_ns, 50) / 1e3;
    w->p99_us[round] = (double)histogram_percentile(&r.search.latency_ns, 99) / 1e3;
    return rc;
}

/* Measures one server in its ways in turn; another way is first in each round. */
static int server_measure(struct scaling *s, unsigned reactors, int folder, int first, int count, int round)
{
    const struct load_options *o = s->options;
    struct server server;
    struct drive *drive = NULL;
    int rc = server_open(s, reactors, folder, &server);
    if (rc < 0)
        return rc;
    s->pid = server.pid;
    char text[ERROR_TEXT_MAX] = "";
    rc = drive_open(&target_kith, server.address, o->connections, o->in_flight, &drive, s->error);
    if (rc == 0 && kith_open(server.address, &s->control, text, sizeof(text)) < 0)
        rc = error_set(s->error, ERROR_UNAVAILABLE, "%s", text);
    for (int i = 0; rc == 0 && i < count; i++) {
        int way = first + (i + round) % count;
        fprintf(stderr, "load: round %d of %d: reactors %u, %s\n", round + 1, ROUNDS, reactors, names[way]);
        rc = saturated_run(s, drive, way, round);
        if (rc == 0 && way == ALONE && round == 0)
            s->low_rate = o->rate > 0 ? o->rate : s->ways[ALONE].qps[0] * LOW_SHARE;
        if (rc == 0)
            rc = low_run(s, drive, way, round);
    }
    kith_close(s->control);
    s->control = NULL;
    drive_close(drive);
    return load_server_end(&server, rc, s->error);
}

static int round_run(struct scaling *s, int round)
{
    unsigned reactors = s->options->reactors;
    int rc = server_measure(s, 1, MERGED, ALONE, 1, round);
    if (rc == 0)
        rc = server_measure(s, reactors, MERGED, AUTO, 3, round);
    if (rc == 0)
        rc = server_measure(s, reactors, APART, NAIVE, 1, round);
    return rc;
}

/* -- results -- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), by_value);
    return values[ROUNDS / 2];
}

static void way_print(struct scaling *s, int way)
{
    struct way *w = &s->ways[way], *alone = &s->ways[ALONE];
    unsigned reactors = way == ALONE ? 1 : s->options->reactors;
    double qps = median(w->qps), cpu = median(w->cpu_s), load = median(w->load_s);
    double gain = qps / median(alone->qps), own = reactors * median(alone->cpu_s) / cpu;
    double recall = w->wanted ? (double)w->found / (double)w->wanted : 0;
    if (s->options->json)
        printf(
            "{\"bench\":\"load\",\"scenario\":\"scaling\",\"reactors\":%u,\"fan_out\":\"%s\",\"segments\":%llu,\"qps\":"
            "%"
            ".0f,\"gain\":%.3f,"
            "\"server_cpu_s_1000\":%.5f,\"load_cpu_s_1000\":%.5f,\"gain_by_cpu\":%.3f,\"recall\":%.5f,\"errors\":%llu,"
            "\"low_rate\":%.0f,\"low_p50_us\":%.1f,\"low_p99_us\":%.1f,\"wide\":%.3f,\"low_wide\":%.3f}\n",
            reactors, names[way], (unsigned long long)s->segments[way == NAIVE ? APART : MERGED], qps, gain, cpu, load,
            own, recall, (unsigned long long)w->errors, s->low_rate, median(w->p50_us), median(w->p99_us),
            median(w->wide), median(w->low_wide));
    else
        printf("%-8u  %-6s  %10.0f  %6.2f  %12.4f  %10.4f  %12.2f  %7.4f  %5.0f  %10.1f  %10.1f  %8.0f  %6llu\n",
               reactors, names[way], qps, gain, cpu, load, own, recall, 100 * median(w->wide), median(w->p50_us),
               median(w->p99_us), 100 * median(w->low_wide), (unsigned long long)w->errors);
}

static void aim_print(const struct load_options *o, const char *what, double limit, double value, bool met)
{
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"scaling\",\"aim\":\"%s\",\"limit\":%g,\"value\":%.4f,\"met\":%s}\n",
               what, limit, value, met ? "true" : "false");
    else
        printf("%-64s %6g  %9.4g  %s\n", what, limit, value, met ? "met" : "MISSED");
}

static void report(struct scaling *s)
{
    const struct load_options *o = s->options;
    struct way *w = s->ways;
    if (!o->json)
        printf("%u points in %llu segments (naive: %llu); saturated with %u queries a frame, then %.0f searches/s one "
               "by one\n"
               "%-8s  %-6s  %10s  %6s  %12s  %10s  %12s  %7s  %5s  %10s  %10s  %8s  %6s\n",
               s->data->count, (unsigned long long)s->segments[MERGED], (unsigned long long)s->segments[APART],
               o->batch, s->low_rate, "reactors", "fan_out", "queries/s", "gain", "server s/1000", "load s/1000",
               "gain by CPU", "recall", "all %", "low p50 us", "low p99 us", "low all%", "errors");
    for (int i = 0; i < WAYS; i++)
        way_print(s, i);
    double limit = GAIN / 2 * o->reactors, gain = median(w[AUTO].qps) / median(w[ALONE].qps);
    double naive = median(w[NAIVE].qps) / median(w[ALONE].qps), p50 = median(w[AUTO].p50_us) / median(w[ALONE].p50_us);
    double recall = (double)w[AUTO].found / (double)w[AUTO].wanted - (double)w[ALONE].found / (double)w[ALONE].wanted;
    if (!o->json)
        printf("\n%-64s %6s  %9s\n", "aim", "limit", "value");
    aim_print(o, "saturated, fan-out auto: times the queries of one, at least", limit, gain, gain >= limit);
    aim_print(o, "recall beside that of one, at least", -0.005, recall, recall >= -0.005);
    aim_print(o, "low load, fan-out auto: p50 beside that of one, at most", NO_WORSE, p50, p50 <= NO_WORSE);
    if (!o->json)
        printf("\nthe naive way, a graph for each core and every query on all of them: %.2f times the queries of one\n",
               naive);
}

int load_scaling(const struct load_options *o, const struct dataset *d, struct error *e)
{
    static struct scaling s;
    s = (struct scaling){.options = o, .data = d, .error = e};
    int rc = live_init(&s.live, d, o->k);
    if (rc < 0)
        error_set_errno(e, rc, "what a search must find");
    for (int folder = 0; rc == 0 && folder < FOLDERS; folder++)
        rc = data_make(&s, folder);
    for (int round = 0; rc == 0 && round < ROUNDS; round++)
        rc = round_run(&s, round);
    if (rc == 0)
        report(&s);
    live_fini(&s.live);
    for (int folder = 0; folder < FOLDERS; folder++) {
        server_stop(&s.makers[folder]);
        if (rc == 0)
            server_remove(&s.makers[folder]);
    }
    return rc;
}
