/* load_draining.c -- does a write slow a search down? It sends steady searches, at a share of the
 * quiet server's capacity, during:
 *
 *   draining  all rows were just written, and their graphs are being built
 *   quiet     no other work: the baseline for the other phases
 *   writing   1000 upserts a second: half of new points, half of existing points
 *   deleting  a quarter of the points is deleted and compacted
 *   snapshot  snapshots are taken, one after the other
 *
 * The data is loaded twice. The first time there are no searches, which gives the time to build the
 * graphs and the capacity of the quiet server. Then the phases follow. Recall is judged against all
 * points that were acknowledged when a search was sent (load_live.h). */
#include "load/load_draining.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SHARE        0.3 /* of the quiet server's capacity */
#define CAPACITY_S   4   /* seconds to measure the capacity, after a warm-up of one second */
#define BEHIND_MAX_S 5
#define WRITES_S     1000.0
#define DELETE_EACH  4
#define BATCH        400u

/* Work beside the searches of a phase, on a connection of its own. */
struct beside {
    struct draining *d;
    int (*work)(struct beside *b, struct link *l);
    pthread_t thread;
    atomic_bool done;
    int rc;
    struct error error;
};

static int fails(struct error *e, const struct link *l, int rc, const char *doing)
{
    return rc < 0 ? error_set(e, ERROR_UNAVAILABLE, "%s: %s", doing, l->target->error(l)) : 0;
}

static void *beside_run(void *arg)
{
    struct beside *b = arg;
    struct link *l = NULL;
    char text[ERROR_TEXT_MAX] = "";
    if (b->d->target->open(b->d->address, &l, text, sizeof(text)) < 0)
        b->rc = error_set(&b->error, ERROR_UNAVAILABLE, "%s", text);
    else
        b->rc = b->work(b, l);
    if (l)
        b->d->target->close(l);
    atomic_store(&b->done, true);
    return NULL;
}

/* -- the work of the phases -- */

static int work_drain(struct beside *b, struct link *l)
{
    uint64_t from = clock_wall_ns();
    int rc = fails(&b->error, l, l->target->settle(l, b->d->options->collection, b->d->options->index_wait_s),
                   "waiting for the graphs");
    b->d->drain_s = (double)(clock_wall_ns() - from) / 1e9;
    return rc;
}

static double phase_seconds(const struct draining *d, int phase)
{
    double s = d->options->seconds;
    s = phase == QUIET ? s / 3 : phase == SNAPSHOT ? s / 6 : s;
    return s > 1 ? s : 1;
}

static int work_snapshot(struct beside *b, struct link *l)
{
    uint64_t until = clock_wall_ns() + (uint64_t)(phase_seconds(b->d, SNAPSHOT) * 1e9);
    int rc = 0;
    for (; rc == 0 && clock_wall_ns() < until; b->d->snapshots++) {
        rc = l->target->snapshot(l, b->d->options->collection);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return fails(&b->error, l, rc, "taking a snapshot");
}

static int batch_delete(struct beside *b, struct link *l, const uint64_t *ids, uint32_t n)
{
    struct live *live = &b->d->live;
    for (uint32_t i = 0; i < n; i++)
        live_deleting(live, ids[i]);
    int rc = l->target->remove(l, b->d->options->collection, ids, n);
    uint64_t now = clock_wall_ns();
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        live_deleted(live, ids[i], now);
    b->d->deleted += n;
    return rc;
}

static int work_delete(struct beside *b, struct link *l)
{
    uint64_t ids[BATCH], points = 2 * (uint64_t)b->d->data->count;
    uint32_t n = 0;
    int rc = 0;
    for (uint64_t p = 0; rc == 0 && p < points; p += DELETE_EACH) {
        if (live_is_there(&b->d->live, p))
            ids[n++] = p;
        if (n == BATCH || (n && p + DELETE_EACH >= points)) {
            rc = batch_delete(b, l, ids, n);
            n = 0;
        }
    }
    if (rc == 0)
        rc = l->target->compact(l, b->d->options->collection);
    return fails(&b->error, l, rc, "deleting and compacting");
}

/* -- phases -- */

static struct drive_plan plan_of(struct draining *d, int phase)
{
    const struct load_options *o = d->options;
    return (struct drive_plan){.collection = o->collection,
                               .data = d->data,
                               .live = &d->live,
                               .rate = d->rate,
                               .seconds = phase_seconds(d, phase),
                               .behind_max_s = BEHIND_MAX_S,
                               .in_flight = o->in_flight,
                               .k = o->k,
                               .ef = o->ef,
                               .batch = 1,
                               .fan_out = o->fan_out,
                               .uniform = o->uniform,
                               .trace = &d->trace,
                               .seed = (uint64_t)phase + 1};
}

static int phase_drive(struct draining *d, struct drive_plan *plan, struct beside *b, struct drive_result *ret)
{
    if (b->work) {
        int rc = -pthread_create(&b->thread, NULL, beside_run, b);
        if (rc < 0)
            return error_set_errno(d->error, rc, "beginning a phase");
        plan->until = &b->done;
        plan->seconds = 0.1;
    }
    int rc = drive_run(d->drive, plan, ret, d->error);
    if (b->work)
        pthread_join(b->thread, NULL);
    if (rc == 0 && b->work && b->rc < 0) {
        *d->error = b->error;
        rc = b->rc;
    }
    return rc;
}

/* The same searches alone, for a short time that is not measured. */
static int warm_up(struct draining *d, const struct drive_plan *plan)
{
    static struct drive_result unused;
    struct drive_plan alone = *plan;
    alone.rate = d->rate;
    alone.write_share = 0;
    alone.trace = NULL;
    alone.seconds = d->options->warm_up_s;
    return drive_run(d->drive, &alone, &unused, d->error);
}

static int phase_run(struct draining *d, int phase, int (*work)(struct beside *b, struct link *l))
{
    struct drive_plan plan = plan_of(d, phase);
    struct draining_phase_result *ret = &d->phases[phase];
    struct beside b = {.d = d, .work = work};
    if (phase == WRITING) {
        plan.write_share = WRITES_S / (plan.rate + WRITES_S);
        plan.rate += WRITES_S;
        plan.writes = WRITE_HALF_NEW;
    }
    /* rows wait for their graphs, so this phase begins at once */
    int rc = phase == DRAINING ? 0 : warm_up(d, &plan);
    if (rc < 0)
        return rc;
    ret->began_s = drive_trace_now(&d->trace);
    rc = phase_drive(d, &plan, &b, &ret->drive);
    ret->ended_s = ret->drive.gave_up_s ? ret->began_s + ret->drive.gave_up_s : drive_trace_now(&d->trace);
    if (rc == 0)
        load_report_phase(d->options, draining_names[phase], &plan, &ret->drive);
    if (rc == 0 && ret->drive.gave_up_s)
        fprintf(stderr, "load: %s: ended after %.0f s, because the server cannot answer %.0f searches/s here\n",
                draining_names[phase], ret->drive.gave_up_s, d->rate);
    return rc;
}

/* Loads the rows without searches. */
static int rows_load(struct draining *d, struct fill_watch *w)
{
    struct link *l = d->control;
    int rc = fails(d->error, l, l->target->create(l, d->options, d->data), "creating the collection");
    if (rc == 0)
        rc = fails(d->error, l, l->target->fill(l, d->options, d->data, w), "loading");
    return rc;
}

static int settle(struct draining *d)
{
    struct link *l = d->control;
    return fails(d->error, l, l->target->settle(l, d->options->collection, d->options->index_wait_s),
                 "waiting for the graphs");
}

static int capacity_find(struct draining *d)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(d, QUIET);
    plan.rate = 0;
    plan.trace = NULL;
    plan.seconds = 1;
    int rc = drive_run(d->drive, &plan, &r, d->error);
    plan.seconds = CAPACITY_S;
    if (rc == 0)
        rc = drive_run(d->drive, &plan, &r, d->error);
    d->capacity_qps = r.search.served_qps;
    if (rc == 0 && d->capacity_qps <= 0)
        rc = error_set(d->error, ERROR_UNAVAILABLE, "the quiet server answered no search: %s", r.search.error);
    d->rate = d->options->rate > 0 ? d->options->rate : d->capacity_qps * SHARE;
    return rc;
}

static int alone_run(struct draining *d)
{
    struct link *l = d->control;
    fprintf(stderr, "load: first without searches: rows, graphs, and the capacity of the quiet server\n");
    int rc = rows_load(d, &d->filled_alone);
    uint64_t from = clock_wall_ns();
    if (rc == 0)
        rc = settle(d);
    d->alone_s = (double)(clock_wall_ns() - from) / 1e9;
    if (rc == 0)
        rc = capacity_find(d);
    if (rc == 0)
        rc = fails(d->error, l, l->target->drop(l, d->options->collection), "dropping the collection");
    return rc;
}

static int phases_run(struct draining *d)
{
    static int (*const works[DRAINING_PHASES])(struct beside * b, struct link * l) = {
        [DRAINING] = work_drain, [DELETING] = work_delete, [SNAPSHOT] = work_snapshot};
    struct link *l = d->control;
    fprintf(stderr, "load: then with %.0f searches/s beside\n", d->rate);
    int rc = rows_load(d, &d->filled);
    d->backlog = rc == 0 ? l->target->backlog(l, d->options->collection) : 0;
    load_report_head(d->options);
    d->trace.start_ns = clock_wall_ns();
    for (int phase = 0; rc == 0 && phase < DRAINING_PHASES; phase++) {
        if (phase != DRAINING)
            rc = settle(d);
        if (rc == 0)
            rc = phase_run(d, phase, works[phase]);
    }
    return rc;
}

int load_draining(const struct load_options *o, const char *address, struct drive *drive, const struct dataset *data,
                  struct error *e)
{
    /* histograms: too large for a stack */
    static struct draining_phase_result phases[DRAINING_PHASES];
    struct draining d = {.options = o,
                         .target = o->target,
                         .address = address,
                         .data = data,
                         .drive = drive,
                         .phases = phases,
                         .error = e};
    char text[ERROR_TEXT_MAX] = "";
    if (d.target->open(address, &d.control, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    int rc = live_init(&d.live, data, o->k);
    if (rc < 0)
        error_set_errno(e, rc, "what a search must find");
    if (rc == 0)
        rc = alone_run(&d);
    if (rc == 0)
        rc = phases_run(&d);
    if (rc == 0)
        draining_report(&d);
    if (rc == 0 && o->svg)
        rc = draining_picture(&d, o->svg);
    live_fini(&d.live);
    free(d.trace.points);
    d.target->close(d.control);
    return rc;
}
