/* Does a search feel a write? Steady searches, at a share of what the quiet server can do, while everything else goes on:
 *
 *   draining  all rows were just written, and their graphs are being built
 *   quiet     nothing else happens: what the other phases are compared with
 *   writing   rows are written again, 1000 a second
 *   snapshot  snapshots are taken, one after the other
 *   deleting  a quarter of the rows is deleted, and the segments are compacted
 *
 * The data is loaded twice: first nobody searches, which tells how long the graphs take alone and what the quiet server can do; then the
 * phases follow. Recall is told against everything that was acknowledged when a phase began, without what it deletes. */
#include "load.h"

#include "clock.h"
#include "load_picture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHARE       0.3 /* of what the quiet server can do */
#define CAPACITY_S  3   /* time to find that out */
#define WRITES_S    1000.0
#define DELETE_EACH 4
#define BATCH       400u

enum { DRAINING, QUIET, WRITING, SNAPSHOT, DELETING, PHASES };
static const char *const names[PHASES] = {"draining", "quiet", "writing", "snapshot", "deleting"};

struct draining {
    const struct load_options *options;
    const char *address;
    const struct dataset *data;
    struct drive *drive;
    struct kith *control;
    struct recall all, left; /* of all rows; of those that are not deleted */
    struct drive_trace trace;
    double alone_s, drain_s, capacity_qps, began_s[PHASES];
    struct error *error;
};

/* Work that goes on beside the searches of a phase, over a connection of its own. */
struct beside {
    struct draining *d;
    int (*work)(struct beside *b, struct kith *k);
    pthread_t thread;
    atomic_bool done;
    int rc;
    struct error error;
};

static int fails(struct beside *b, const struct kith *k, int rc, const char *doing)
{
    return rc < 0 ? load_client_error(&b->error, k, rc, doing) : 0;
}

static void *beside_run(void *arg)
{
    struct beside *b = arg;
    struct kith *k = NULL;
    char text[ERROR_TEXT_MAX] = "";
    if (kith_open(b->d->address, &k, text, sizeof(text)) < 0)
        b->rc = error_set(&b->error, ERROR_UNAVAILABLE, "%s", text);
    else
        b->rc = b->work(b, k);
    if (k)
        kith_close(k);
    atomic_store(&b->done, true);
    return NULL;
}

/* -- the work of the phases -- */

static void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* Until every row is in a graph and nothing is sealed or merged: two looks that see the same. */
static int drain_wait(struct kith *k, const char *name)
{
    uint64_t before = 1, sum = 0;
    for (bool busy = true; busy || sum != before; sleep_ms(200)) {
        struct kith_info info;
        const struct kith_segment *list;
        size_t count;
        int rc = kith_segments_read(k, name, &info, &list, &count);
        if (rc < 0)
            return rc;
        busy = info.growing_graphed < info.growing_rows;
        before = sum;
        sum = info.growing_rows;
        for (size_t i = 0; i < count; i++) {
            busy |= list[i].merging || list[i].state == KITH_FROZEN;
            sum += list[i].id * 31 + list[i].disk_bytes;
        }
    }
    return 0;
}

static int work_drain(struct beside *b, struct kith *k)
{
    uint64_t from = clock_wall_ns();
    int rc = fails(b, k, drain_wait(k, b->d->options->collection), "waiting for the graphs");
    b->d->drain_s = (double)(clock_wall_ns() - from) / 1e9;
    return rc;
}

static int work_snapshot(struct beside *b, struct kith *k)
{
    uint64_t until = clock_wall_ns() + (uint64_t)(b->d->options->seconds * 1e9);
    int rc = 0;
    while (rc == 0 && clock_wall_ns() < until) {
        struct kith_snapshot s;
        char name[64] = "";
        rc = kith_snapshot_create(k, NULL, &s);
        if (rc == 0) {
            snprintf(name, sizeof(name), "%s", s.name);
            rc = kith_snapshot_delete(k, name);
        }
        sleep_ms(100);
    }
    return fails(b, k, rc, "taking a snapshot");
}

static int work_delete(struct beside *b, struct kith *k)
{
    const struct load_options *o = b->d->options;
    struct kith_id ids[BATCH];
    int rc = 0;
    for (uint32_t at = 0; rc == 0 && at < b->d->data->count;) {
        uint32_t n = 0;
        uint64_t deleted;
        for (; n < BATCH && at < b->d->data->count; at += DELETE_EACH)
            ids[n++] = (struct kith_id){0, at};
        rc = kith_delete(k, o->collection, ids, n, &deleted);
    }
    if (rc == 0)
        rc = kith_compact(k, o->collection);
    return fails(b, k, rc, "deleting and compacting");
}

/* -- phases -- */

static struct drive_plan plan_of(struct draining *d, int phase)
{
    const struct load_options *o = d->options;
    return (struct drive_plan){.collection = o->collection,
                               .data = d->data,
                               .recall = phase == DELETING ? &d->left : &d->all,
                               .rate = d->capacity_qps * SHARE,
                               .seconds = o->seconds,
                               .in_flight = o->in_flight,
                               .k = o->k,
                               .ef = o->ef,
                               .batch = 1,
                               .uniform = o->uniform,
                               .trace = &d->trace,
                               .seed = (uint64_t)phase + 1};
}

static int phase_run(struct draining *d, int phase, int (*work)(struct beside *b, struct kith *k),
                     struct drive_result *ret)
{
    struct drive_plan plan = plan_of(d, phase);
    struct beside b = {.d = d, .work = work};
    d->began_s[phase] = drive_trace_now(&d->trace);
    if (phase == WRITING) { /* the same vectors again: every neighbour stays true */
        plan.write_share = WRITES_S / (plan.rate + WRITES_S);
        plan.rate += WRITES_S;
    }
    if (work) {
        int rc = -pthread_create(&b.thread, NULL, beside_run, &b);
        if (rc < 0)
            return error_set_errno(d->error, rc, "beginning a phase");
        plan.until = &b.done;
        plan.seconds = 0.1;
    }
    int rc = drive_run(d->drive, &plan, ret, d->error);
    if (work)
        pthread_join(b.thread, NULL);
    if (rc == 0 && work && b.rc < 0) {
        *d->error = b.error;
        rc = b.rc;
    }
    if (rc == 0)
        load_report_phase(d->options, names[phase], &plan, ret);
    return rc;
}

/* Rows as they arrive, nobody searching. */
static int load_alone(struct draining *d, double *ret_s)
{
    const struct load_options *o = d->options;
    int rc = load_collection_create(d->control, o, o->collection, d->data, d->error);
    if (rc == 0)
        rc = load_collection_import(d->control, o->collection, d->data, d->error);
    uint64_t from = clock_wall_ns();
    if (rc == 0 && ret_s) {
        rc = drain_wait(d->control, o->collection);
        *ret_s = (double)(clock_wall_ns() - from) / 1e9;
        rc = rc < 0 ? load_client_error(d->error, d->control, rc, "waiting for the graphs") : 0;
    }
    return rc;
}

static int capacity_find(struct draining *d)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(d, QUIET);
    plan.rate = 0;
    plan.recall = NULL;
    plan.trace = NULL;
    plan.seconds = CAPACITY_S;
    int rc = drive_run(d->drive, &plan, &r, d->error);
    d->capacity_qps = r.search.served_qps;
    return rc;
}

static int phases_run(struct draining *d, struct drive_result *results)
{
    static int (*const works[PHASES])(struct beside * b, struct kith * k) = {
        [DRAINING] = work_drain, [SNAPSHOT] = work_snapshot, [DELETING] = work_delete};
    int rc = 0;
    for (int phase = 0; rc == 0 && phase < PHASES; phase++) {
        if (phase != DRAINING)
            rc = drain_wait(d->control, d->options->collection);
        rc = rc < 0 ? load_client_error(d->error, d->control, rc, "waiting for the graphs")
                    : phase_run(d, phase, works[phase], &results[phase]);
    }
    return rc;
}

/* -- what came out -- */

static double us(const struct drive_result *r, double percent)
{
    return (double)histogram_percentile(&r->search.latency_ns, percent) / 1e3;
}

static double recall_of(const struct drive_result *r)
{
    return r->recall_wanted ? (double)r->recall_found / (double)r->recall_wanted : 0;
}

static void report(const struct draining *d, const struct drive_result *results)
{
    const struct drive_result *quiet = &results[QUIET];
    if (!d->options->json)
        printf("\n%-8s  %12s  %12s  %7s\n", "phase", "p50 / quiet", "p99 / quiet", "recall");
    for (int i = 0; i < PHASES; i++) {
        double p50 = us(&results[i], 50) / us(quiet, 50), p99 = us(&results[i], 99) / us(quiet, 99);
        if (d->options->json)
            printf(
                "{\"bench\":\"load\",\"scenario\":\"draining\",\"phase\":\"%s\",\"p50_ratio\":%.3f,\"p99_ratio\":%.3f,"
                "\"recall\":%.5f,\"errors\":%llu}\n",
                names[i], p50, p99, recall_of(&results[i]), (unsigned long long)results[i].search.errors);
        else
            printf("%-8s  %12.2f  %12.2f  %7.4f\n", names[i], p50, p99, recall_of(&results[i]));
    }
    double ratio = d->drain_s / d->alone_s;
    if (d->options->json)
        printf("{\"bench\":\"load\",\"scenario\":\"draining\",\"capacity_qps\":%.0f,\"drain_alone_s\":%.2f,\"drain_s\":"
               "%.2f,"
               "\"drain_ratio\":%.2f}\n",
               d->capacity_qps, d->alone_s, d->drain_s, ratio);
    else
        printf("quiet, the server answers %.0f searches/s; the graphs took %.1f s alone, %.1f s with searches beside: "
               "%.2f "
               "times\n",
               d->capacity_qps, d->alone_s, d->drain_s, ratio);
}

static int picture(struct draining *d)
{
    struct load_picture p = {.trace = &d->trace, .phase_count = PHASES};
    for (int i = 0; i < PHASES; i++)
        p.phases[i] = (struct load_picture_phase){names[i], d->began_s[i]};
    return d->options->svg ? load_picture_write(&p, d->options->svg, d->error) : 0;
}

/* The truth without the rows that are deleted; the lists of the data are deep enough that k are left. */
static int left_init(struct draining *d, struct dataset *left)
{
    const struct dataset *all = d->data;
    uint32_t k = d->options->k;
    *left = *all;
    left->truth_k = k;
    left->truth = calloc((size_t)all->query_count * k, sizeof(*left->truth));
    if (!left->truth)
        return error_set_errno(d->error, -ENOMEM, "the truth of what is left");
    for (uint32_t q = 0; q < all->query_count; q++) {
        const uint32_t *from = all->truth + (size_t)q * all->truth_k;
        uint32_t n = 0;
        for (uint32_t i = 0; i < all->truth_k && n < k; i++)
            if (from[i] % DELETE_EACH != 0)
                left->truth[(size_t)q * k + n++] = from[i];
        if (n < k)
            return error_set(d->error, ERROR_INVALID_ARGUMENT,
                             "the data's truth is %u rows deep, too few to know the %u nearest of what is left after "
                             "deleting; ask for a smaller --k",
                             all->truth_k, k);
    }
    return recall_init(&d->left, left, k);
}

static int prepared_run(struct draining *d)
{
    static struct drive_result results[PHASES]; /* histograms: too large for a stack */
    const struct load_options *o = d->options;
    fprintf(stderr, "load: first alone: rows, graphs, and what the quiet server can do\n");
    int rc = load_alone(d, &d->alone_s);
    if (rc == 0)
        rc = capacity_find(d);
    if (rc == 0 && (rc = kith_drop(d->control, o->collection)) < 0)
        rc = load_client_error(d->error, d->control, rc, "dropping the collection");
    fprintf(stderr, "load: then with searches beside\n");
    if (rc == 0)
        rc = load_alone(d, NULL);
    load_report_head(o);
    d->trace.start_ns = clock_wall_ns();
    if (rc == 0)
        rc = phases_run(d, results);
    if (rc == 0)
        report(d, results);
    return rc == 0 ? picture(d) : rc;
}

int load_draining(const struct load_options *o, const char *address, struct drive *drive, const struct dataset *data,
                  struct error *e)
{
    struct draining d = {.options = o, .address = address, .data = data, .drive = drive, .error = e};
    struct dataset left = {0};
    char text[ERROR_TEXT_MAX] = "";
    if (kith_open(address, &d.control, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    int rc = recall_init(&d.all, data, o->k);
    if (rc == 0)
        rc = left_init(&d, &left);
    if (rc == 0)
        rc = prepared_run(&d);
    recall_fini(&d.all);
    recall_fini(&d.left);
    free(left.truth);
    free(d.trace.points);
    kith_close(d.control);
    return rc;
}
