/* load_replay.c -- measures the replay of a log. Points are imported into a server that seals
 * nothing; it is killed, and started several times until all points are there. Time counts from the
 * exec, so all other work of a start counts as replay. */
#include "load/load.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STARTS     5
#define GIVE_UP_NS 120000000000ull
#define NAME       "replay"
/* and the server is killed before it seals an idle segment */
#define NEVER_SEALS "--growing-mib 8192"

struct replay_times {
    double seconds, cpu_seconds;
};

struct replay {
    const struct load_options *options;
    char args[1024];
    char folder[128];
    double log_bytes; /* bytes of records */
    uint64_t points;
    unsigned reactors;
};

static int replayed(struct kith *k, uint64_t points, uint64_t start_ns, struct error *e)
{
    uint64_t count = 0;
    int rc = 0;
    while (count < points) { /* the server may refuse while it opens its collections */
        rc = kith_count(k, NAME, &count);
        if (clock_wall_ns() - start_ns > GIVE_UP_NS)
            return rc < 0 ? load_client_error(e, k, rc, "counting")
                          : error_set(e, ERROR_INTERNAL, "of %llu points only %llu are back",
                                      (unsigned long long)points, (unsigned long long)count);
        if (count < points)
            nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return 0;
}

static int start_once(struct replay *r, bool cold, struct replay_times *ret, struct error *e)
{
    struct load_options o = *r->options;
    char args[1100], text[ERROR_TEXT_MAX] = "";
    struct server s;
    struct kith *k = NULL;
    uint64_t exec_ns;
    snprintf(args, sizeof(args), "%s %s", r->args, cold ? "--drop-caches" : "");
    o.kithd_args = args;
    int rc = server_start(&o, r->folder, &s, &exec_ns, e);
    if (rc < 0)
        return rc;
    if (kith_open(s.address, &k, text, sizeof(text)) < 0)
        rc = error_set(e, ERROR_UNAVAILABLE, "%s", text);
    if (rc == 0)
        rc = replayed(k, r->points, exec_ns, e);
    ret->seconds = (double)(clock_wall_ns() - exec_ns) / 1e9;
    ret->cpu_seconds = (double)server_cpu_ns(s.pid) / 1e9;
    if (k)
        kith_close(k);
    server_kill(&s);
    if (rc == 0)
        server_remove(&s); /* removes its output only; the data folder was given */
    return rc;
}

static int by_seconds(const void *a, const void *b)
{
    const struct replay_times *x = a, *y = b;
    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

static void report(const struct replay *r, const char *files, struct replay_times *t)
{
    qsort(t, STARTS, sizeof(*t), by_seconds);
    const struct replay_times *m = &t[STARTS / 2];
    double mb = r->log_bytes / 1e6;
    if (r->options->json)
        printf("{\"bench\":\"load\",\"scenario\":\"replay\",\"log_mib\":%.1f,\"points\":%llu,\"reactors\":%u,\"files\":"
               "\"%s\",\"seconds\":%.3f,\"lowest_s\":%.3f,\"highest_s\":%.3f,\"mb_s\":%.0f,\"mb_s_reactor\":%.0f,"
               "\"mb_cpu_s\":%.0f}\n",
               r->log_bytes / 1048576, (unsigned long long)r->points, r->reactors, files, m->seconds, t[0].seconds,
               t[STARTS - 1].seconds, mb / m->seconds, mb / m->seconds / r->reactors, mb / m->cpu_seconds);
    else
        printf("%-10s  %9.3f  %8.3f  %8.3f  %8.0f  %13.0f  %14.0f\n", files, m->seconds, t[0].seconds,
               t[STARTS - 1].seconds, mb / m->seconds, mb / m->seconds / r->reactors, mb / m->cpu_seconds);
}

static int starts_run(struct replay *r, struct error *e)
{
    struct replay_times warm[STARTS], cold[STARTS];
    struct progress p;
    progress_start(&p, "starts", 2 * STARTS);
    for (unsigned i = 0; i < STARTS; i++) {
        int rc = start_once(r, true, &cold[i], e);
        if (rc == 0)
            rc = start_once(r, false, &warm[i], e);
        if (rc < 0)
            return rc;
        progress_at(&p, 2 * i + 2);
    }
    progress_end(&p);
    if (!r->options->json)
        printf("replay of %.1f MiB of records, %llu points, %u reactor%s; from exec to all points, medians of %d\n"
               "%-10s  %9s  %8s  %8s  %8s  %13s  %14s\n",
               r->log_bytes / 1048576, (unsigned long long)r->points, r->reactors, r->reactors == 1 ? "" : "s", STARTS,
               "files", "seconds", "lowest", "highest", "MB/s", "MB/s a core", "MB a CPU-second");
    report(r, "in memory", warm);
    report(r, "dropped", cold);
    return 0;
}

/* Fills the log, and kills the server before any of it is sealed. */
static int log_fill(struct replay *r, const struct dataset *d, struct server *s, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    struct kith *k = NULL;
    struct kith_info info = {0};
    if (kith_open(s->address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    r->reactors = kith_reactors(k);
    int rc = load_collection_create(k, r->options, NAME, d, e);
    if (rc == 0)
        rc = load_collection_import(k, NAME, d, NULL, e);
    if (rc == 0)
        rc = server_metric(s, "kith_log_bytes_total", &r->log_bytes, e);
    int one = rc == 0 ? kith_info_read(k, NAME, &info) : 0;
    server_kill(s);
    if (one < 0)
        rc = load_client_error(e, k, one, "looking at the collection");
    else if (rc == 0 && info.sealed_segments > 0)
        rc = error_set(e, ERROR_INTERNAL, "a segment was sealed, so not all is in the log");
    kith_close(k);
    return rc;
}

int load_replay(const struct load_options *o, const struct dataset *d, struct error *e)
{
    struct replay r = {.options = o, .points = d->count};
    struct load_options started = *o;
    struct server s;
    snprintf(r.args, sizeof(r.args), "--http 127.0.0.1:0 %s %.900s", NEVER_SEALS, o->kithd_args ? o->kithd_args : "");
    started.kithd_args = r.args;
    int rc = server_start(&started, NULL, &s, NULL, e);
    if (rc < 0)
        return rc;
    snprintf(r.folder, sizeof(r.folder), "%s", s.folder);
    rc = log_fill(&r, d, &s, e);
    if (rc == 0)
        rc = starts_run(&r, e);
    return load_server_end(&s, rc, e);
}
