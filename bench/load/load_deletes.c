/* load_deletes.c -- do deletes and the following compaction disturb searches? It sends searches at
 * their times. Meanwhile another connection deletes and compacts a quarter of the points. Then it
 * sends searches alone again. The middle phase lasts as long as the work. */
#include "load/load.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 400u

struct work {
    pthread_t thread;
    const struct load_options *options;
    const char *address;
    uint32_t rows;
    atomic_bool done;
    uint64_t deleted;
    double delete_s, compact_s;
    int rc;
    struct error error;
};

static int quarter_delete(struct work *w, struct kith *k)
{
    struct kith_id ids[BATCH];
    int rc = 0;
    for (uint32_t at = 0; rc == 0 && at < w->rows; at += 4 * BATCH) {
        uint32_t n = 0;
        uint64_t deleted = 0;
        for (uint32_t row = at; n < BATCH && row < w->rows; row += 4)
            ids[n++] = (struct kith_id){0, row};
        rc = kith_delete(k, w->options->collection, ids, n, &deleted);
        w->deleted += deleted;
    }
    return rc < 0 ? load_client_error(&w->error, k, rc, "deleting") : 0;
}

static void *work_run(void *arg)
{
    struct work *w = arg;
    struct kith *k = NULL;
    char text[ERROR_TEXT_MAX] = "";
    uint64_t start_ns = clock_wall_ns();
    if (kith_open(w->address, &k, text, sizeof(text)) < 0)
        w->rc = error_set(&w->error, ERROR_UNAVAILABLE, "%s", text);
    else
        w->rc = quarter_delete(w, k);
    uint64_t deleted_ns = clock_wall_ns();
    if (w->rc == 0 && (w->rc = kith_compact(k, w->options->collection)) < 0)
        w->rc = load_client_error(&w->error, k, w->rc, "compacting");
    w->delete_s = (double)(deleted_ns - start_ns) / 1e9;
    w->compact_s = (double)(clock_wall_ns() - deleted_ns) / 1e9;
    if (k)
        kith_close(k);
    atomic_store(&w->done, true);
    return NULL;
}

/* Searches during the work. */
static int busy_phase(const struct load_options *o, struct work *w, struct drive *drive, struct drive_plan *plan,
                      struct drive_result *ret, struct error *e)
{
    int rc = -pthread_create(&w->thread, NULL, work_run, w);
    if (rc < 0)
        return error_set_errno(e, rc, "deleting");
    plan->until = &w->done;
    plan->seed++;
    rc = drive_run(drive, plan, ret, e);
    plan->until = NULL;
    pthread_join(w->thread, NULL);
    if (rc == 0 && w->rc < 0) {
        *e = w->error;
        rc = w->rc;
    }
    if (rc == 0)
        load_report_phase(o, "during", plan, ret);
    return rc;
}

/* Waits until no segment is sealed or merged, because a baseline taken during such work would make
 * any ratio look good. */
static int quiet_wait(const struct load_options *o, const char *address, struct error *e)
{
    char text[ERROR_TEXT_MAX] = "";
    struct kith *k = NULL;
    if (kith_open(address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    int rc = kith_seal(k, o->collection);
    rc = rc < 0 ? load_client_error(e, k, rc, "sealing") : load_segments_settle(k, o->collection, e);
    kith_close(k);
    return rc;
}

static double p99_us(const struct drive_result *r)
{
    return (double)histogram_percentile(&r->search.latency_ns, 99) / 1e3;
}

static void report(const struct load_options *o, const struct work *w, const struct drive_result *before,
                   const struct drive_result *during, const struct drive_result *after)
{
    double ratio = p99_us(during) / p99_us(before), later = p99_us(after) / p99_us(before);
    if (o->json)
        printf("{\"bench\":\"load\",\"scenario\":\"deletes\",\"deleted\":%llu,\"delete_s\":%.2f,\"compact_s\":%.2f,"
               "\"p99_during_"
               "ratio\":%.2f,\"p99_after_ratio\":%.2f}\n",
               (unsigned long long)w->deleted, w->delete_s, w->compact_s, ratio, later);
    else
        printf("%llu points deleted in %.2f s, compacted in %.2f s; p99 of searches: %.2f times that of before "
               "meanwhile, %.2f "
               "afterwards\n",
               (unsigned long long)w->deleted, w->delete_s, w->compact_s, ratio, later);
}

int load_deletes(const struct load_options *o, const char *address, struct drive *drive, const struct dataset *d,
                 struct error *e)
{
    static struct drive_result before, during, after; /* histograms: too large for a stack */
    struct work w = {.options = o, .address = address, .rows = d->count};
    bool comparable;
    int rc = load_collection_prepare(o, address, d, &comparable, e);
    if (rc < 0)
        return rc;
    if (!comparable)
        return error_set(e, ERROR_INVALID_ARGUMENT, "the collection %s is not the data: drop it first", o->collection);
    /* recall is not measured, because the truth contains deleted points */
    struct drive_plan plan = {.collection = o->collection,
                              .data = d,
                              .rate = o->rate,
                              .seconds = o->warm_up_s > 0 ? o->warm_up_s : 1,
                              .in_flight = o->in_flight,
                              .k = o->k,
                              .ef = o->ef,
                              .batch = 1,
                              .uniform = o->uniform,
                              .seed = 1};
    rc = quiet_wait(o, address, e);
    if (rc == 0)
        rc = drive_run(drive, &plan, &before, e);
    plan.seconds = o->seconds;
    plan.seed++;
    load_report_head(o);
    if (rc == 0)
        rc = drive_run(drive, &plan, &before, e);
    if (rc == 0) {
        load_report_phase(o, "before", &plan, &before);
        rc = busy_phase(o, &w, drive, &plan, &during, e);
    }
    plan.seed++;
    if (rc == 0)
        rc = drive_run(drive, &plan, &after, e);
    if (rc < 0)
        return rc;
    load_report_phase(o, "after", &plan, &after);
    report(o, &w, &before, &during, &after);
    return 0;
}
