/* load_durable.c -- durable upserts, beside the disk alone: the same bytes in groups of the same
 * size, with one write and one fdatasync() for each. Server and plain writers take turns. While the
 * plain ones write, the server is stopped (SIGSTOP), so that its background work does not disturb
 * them. A group is as large as the server's average in the turn before. Each turn has a collection
 * of its own. Points come faster than graphs are built, and the throttle of a full server would
 * distort the result. */
#include "load/load.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS       5
#define WARM_UP_S    0.5
#define BLOCK_HEADER 52 /* of a group in the log (docs/storage-format.md) */
#define NAME         "durable"

struct log_counts {
    double bytes, flushes, records;
};

struct turn {
    double points_s, groups_s, group_bytes, group_points; /* of the server */
    double bare_groups_s, bare_points_s;
    uint64_t p50_ns, p99_ns;
};

struct durable {
    const struct load_options *options;
    const struct dataset *data;
    struct server server;
    struct drive *drive;
    unsigned reactors;
    uint64_t next_id;
};

static int counts_read(const struct server *s, struct log_counts *ret, struct error *e)
{
    int rc = server_metric(s, "kith_log_bytes_total", &ret->bytes, e);
    if (rc == 0)
        rc = server_metric(s, "kith_log_flushes_total", &ret->flushes, e);
    if (rc == 0)
        rc = server_metric(s, "kith_log_records_total", &ret->records, e);
    return rc;
}

/* Waits until earlier writes have reached the disk. */
static void settle(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!syncfs(fd);
        close(fd);
    }
}

static int server_turn(struct durable *d, uint32_t batch, struct turn *ret, struct error *e)
{
    static struct drive_result result; /* histograms: too large for a stack */
    struct drive_plan plan = {.collection = NAME,
                              .data = d->data,
                              .seconds = WARM_UP_S,
                              .write_share = 1,
                              .in_flight = d->options->in_flight,
                              .k = 1,
                              .batch = batch,
                              .writes = WRITE_NEW,
                              .next_id = d->next_id,
                              .seed = 1};
    struct log_counts before, after;
    int rc = drive_run(d->drive, &plan, &result, e);
    if (rc == 0)
        rc = counts_read(&d->server, &before, e);
    plan.seconds = d->options->seconds;
    if (rc == 0)
        rc = drive_run(d->drive, &plan, &result, e);
    if (rc == 0)
        rc = counts_read(&d->server, &after, e);
    d->next_id = plan.next_id;
    if (rc == 0 && (result.upsert.errors || result.points == 0))
        rc = error_set(e, ERROR_UNAVAILABLE, "%llu upserts failed; the first: %s",
                       (unsigned long long)result.upsert.errors, result.upsert.error);
    if (rc < 0)
        return rc;
    double groups = after.flushes - before.flushes;
    ret->points_s = (double)result.points / result.seconds;
    ret->groups_s = groups / result.seconds;
    ret->group_bytes = BLOCK_HEADER + (after.bytes - before.bytes) / groups;
    ret->group_points = (after.records - before.records) / groups;
    ret->p50_ns = histogram_percentile(&result.upsert.latency_ns, 50);
    ret->p99_ns = histogram_percentile(&result.upsert.latency_ns, 99);
    return 0;
}

static int bare_turn(struct durable *d, struct turn *t, struct error *e)
{
    kill(d->server.pid, SIGSTOP);
    settle(d->server.folder);
    int rc =
        bare_groups_s(d->server.folder, d->reactors, (size_t)t->group_bytes, d->options->seconds, &t->bare_groups_s, e);
    t->bare_points_s = t->bare_groups_s * t->group_points;
    settle(d->server.folder);
    kill(d->server.pid, SIGCONT);
    return rc;
}

static int by_ratio(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    double p = x->points_s / x->bare_points_s, q = y->points_s / y->bare_points_s;
    return p < q ? -1 : p > q;
}

static void report(const struct durable *d, uint32_t batch, struct turn *turns)
{
    qsort(turns, ROUNDS, sizeof(*turns), by_ratio);
    const struct turn *t = &turns[ROUNDS / 2];
    double low = 100 * turns[0].points_s / turns[0].bare_points_s;
    double middle = 100 * t->points_s / t->bare_points_s;
    double high = 100 * turns[ROUNDS - 1].points_s / turns[ROUNDS - 1].bare_points_s;
    if (d->options->json)
        printf("{\"bench\":\"load\",\"scenario\":\"durable\",\"dim\":%u,\"batch\":%u,\"clients\":%u,\"logs\":%u,"
               "\"points_s\":%.0f,\"groups_s\":%.0f,\"group_bytes\":%.0f,\"group_points\":%.2f,\"p50_us\":%.1f,"
               "\"p99_us\":%.1f,\"bare_points_s\":%.0f,\"bare_groups_s\":%.0f,\"percent\":%.1f,\"percent_low\":%.1f,"
               "\"percent_high\":%.1f}\n",
               d->data->dim, batch, d->options->connections, d->reactors, t->points_s, t->groups_s, t->group_bytes,
               t->group_points, (double)t->p50_ns / 1e3, (double)t->p99_ns / 1e3, t->bare_points_s, t->bare_groups_s,
               middle, low, high);
    else
        printf("%5u  %8.0f  %8.0f  %11.1f  %8.0f  %8.0f  %12.0f  %13.0f  %4.0f %% (%.0f to %.0f)\n", batch, t->points_s,
               t->groups_s, t->group_bytes / 1024, (double)t->p50_ns / 1e3, (double)t->p99_ns / 1e3, t->bare_points_s,
               t->bare_groups_s, middle, low, high);
    fflush(stdout);
}

static int batch_run(struct durable *d, struct kith *k, uint32_t batch, struct error *e)
{
    struct turn turns[ROUNDS];
    struct progress p;
    char what[64];
    snprintf(what, sizeof(what), "durable upserts of %u, rounds", batch);
    progress_start(&p, what, ROUNDS);
    int rc = 0;
    for (int i = 0; rc == 0 && i < ROUNDS; i++) {
        progress_at(&p, (uint64_t)i);
        rc = load_collection_create(k, d->options, NAME, d->data, e);
        if (rc == 0)
            rc = server_turn(d, batch, &turns[i], e);
        if (rc == 0)
            rc = bare_turn(d, &turns[i], e);
        if (rc == 0 && (rc = kith_drop(k, NAME)) < 0)
            rc = load_client_error(e, k, rc, "dropping the collection");
    }
    progress_end(&p);
    if (rc == 0)
        report(d, batch, turns);
    return rc;
}

static int all_run(struct durable *d, struct error *e)
{
    static const uint32_t batches[] = {1, 16};
    char text[ERROR_TEXT_MAX] = "";
    struct kith *k = NULL;
    if (kith_open(d->server.address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    d->reactors = kith_reactors(k);
    if (!d->options->json)
        printf("durable upserts of %u dimensions by %u clients, %u log%s; medians of %d turns\n"
               "%5s  %8s  %8s  %11s  %8s  %8s  %12s  %13s  %s\n",
               d->data->dim, d->options->connections, d->reactors, d->reactors == 1 ? "" : "s", ROUNDS, "batch",
               "points/s", "groups/s", "KiB a group", "p50 us", "p99 us", "bare points/s", "bare groups/s",
               "of bare (lowest to highest turn)");
    int rc = drive_open(&target_kith, d->server.address, d->options->connections, d->options->in_flight, &d->drive, e);
    if (rc == 0 && d->options->batch)
        rc = batch_run(d, k, d->options->batch, e);
    for (size_t i = 0; rc == 0 && !d->options->batch && i < ARRAY_LEN(batches); i++)
        rc = batch_run(d, k, batches[i], e);
    if (d->drive)
        drive_close(d->drive);
    kith_close(k);
    return rc;
}

int load_durable(const struct load_options *o, const struct dataset *data, struct error *e)
{
    struct durable d = {.options = o, .data = data};
    char args[1024];
    struct load_options with_metrics = *o;
    snprintf(args, sizeof(args), "--http 127.0.0.1:0 %.900s", o->kithd_args ? o->kithd_args : "");
    with_metrics.kithd_args = args;
    int rc = server_start(&with_metrics, NULL, &d.server, NULL, e);
    if (rc < 0)
        return rc;
    rc = all_run(&d, e);
    return load_server_end(&d.server, rc, e);
}
