/* load.c -- measures how a server answers under a load that does not wait for answers.
 * bench/load/README.md explains the output. */
#include "load/load.h"

#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SEED 1

static struct drive_plan plan_make(const struct load_options *o, const struct dataset *d, double write_share)
{
    return (struct drive_plan){.collection = o->collection,
                               .data = d,
                               .rate = o->rate,
                               .seconds = o->seconds,
                               .write_share = write_share,
                               .in_flight = o->in_flight,
                               .k = o->k,
                               .ef = o->ef,
                               .batch = o->batch,
                               .fan_out = o->fan_out,
                               .uniform = o->uniform,
                               .seed = SEED};
}

static int phase_run(const struct load_options *o, struct drive *drive, const char *name, struct drive_plan *plan,
                     struct drive_result *ret, struct error *e)
{
    struct drive_plan warm_up = *plan;
    warm_up.seconds = o->warm_up_s;
    if (o->warm_up_s > 0) {
        int rc = drive_run(drive, &warm_up, ret, e);
        if (rc < 0)
            return rc;
        plan->next_id = warm_up.next_id;
    }
    plan->seed++;
    int rc = drive_run(drive, plan, ret, e);
    if (rc == 0)
        load_report_phase(o, name, plan, ret);
    return rc;
}

/* Creates a new table with all rows in its graph, and drops one with the same name. */
static int table_prepare(const struct load_options *o, const char *address, const struct dataset *d, struct error *e)
{
    struct link *l = NULL;
    char text[ERROR_TEXT_MAX] = "";
    if (o->target->open(address, &l, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    int rc = o->target->create(l, o, d);
    if (rc == 0)
        rc = o->target->fill(l, o, d, NULL);
    if (rc == 0)
        rc = o->target->settle(l, o->collection, o->index_wait_s);
    if (rc < 0)
        rc = error_set(e, ERROR_UNAVAILABLE, "%s", o->target->error(l));
    o->target->close(l);
    return rc;
}

static int searches_run(const struct load_options *o, const char *address, struct drive *drive, const struct dataset *d,
                        struct error *e)
{
    struct live live = {0};
    bool comparable = false;
    int rc = o->pgvector ? table_prepare(o, address, d, e) : load_collection_prepare(o, address, d, &comparable, e);
    comparable |= o->pgvector;
    if (rc == 0 && comparable)
        rc = live_init(&live, d, o->k);
    if (rc < 0)
        return rc;
    struct drive_plan plan = plan_make(o, d, 0);
    plan.live = comparable ? &live : NULL;
    static struct drive_result quiet, mixed; /* histograms: too large for a stack */
    load_report_head(o);
    bool mix = o->scenario == SCENARIO_MIX;
    if (mix) /* the searches alone have the same rate as later among the writes */
        plan.rate = o->rate * (1 - o->write_share);
    rc = phase_run(o, drive, mix ? "quiet" : "search", &plan, &quiet, e);
    if (rc == 0 && mix) {
        plan.rate = o->rate;
        plan.write_share = o->write_share;
        rc = phase_run(o, drive, "mixed", &plan, &mixed, e);
        uint64_t before = histogram_percentile(&quiet.search.latency_ns, 99);
        if (rc == 0 && !o->json && before)
            printf("p99 of searches among writes: %.2f times that of searches alone\n",
                   (double)histogram_percentile(&mixed.search.latency_ns, 99) / (double)before);
    }
    live_fini(&live);
    return rc;
}

/* New points go to a collection of their own, so that the searched collection stays the same. */
static int upserts_run(const struct load_options *o, const char *address, struct drive *drive, const struct dataset *d,
                       struct error *e)
{
    char name[256], text[ERROR_TEXT_MAX] = "";
    snprintf(name, sizeof(name), "%.200s-upsert", o->collection);
    struct kith *k = NULL;
    if (kith_open(address, &k, text, sizeof(text)) < 0)
        return error_set(e, ERROR_UNAVAILABLE, "%s", text);
    /* may be left by an earlier run with --keep; usually it does not exist */
    kith_drop(k, name);
    int rc = load_collection_create(k, o, name, d, e);
    if (rc == 0) {
        struct drive_plan plan = plan_make(o, d, 1);
        static struct drive_result result;
        plan.collection = name;
        plan.writes = WRITE_NEW;
        load_report_head(o);
        rc = phase_run(o, drive, "upsert", &plan, &result, e);
    }
    if (rc == 0 && !o->keep) {
        rc = kith_drop(k, name);
        if (rc < 0)
            rc = load_client_error(e, k, rc, "dropping the collection");
    }
    kith_close(k);
    return rc;
}

static int driven_run(const struct load_options *o, const char *address, const struct dataset *d, struct error *e)
{
    struct drive *drive = NULL;
    int rc = drive_open(o->target, address, o->connections, o->in_flight, &drive, e);
    if (rc < 0)
        return rc;
    switch (o->scenario) {
    case SCENARIO_UPSERT: rc = upserts_run(o, address, drive, d, e); break;
    case SCENARIO_DRAINING: rc = load_draining(o, address, drive, d, e); break;
    case SCENARIO_DELETES: rc = load_deletes(o, address, drive, d, e); break;
    default: rc = searches_run(o, address, drive, d, e); break;
    }
    drive_close(drive);
    return rc;
}

static int scenario_run(const struct load_options *o, const struct dataset *d, struct error *e)
{
    switch (o->scenario) { /* these scenarios start their own servers */
    case SCENARIO_START: return load_start(o, d, e);
    case SCENARIO_DURABLE: return load_durable(o, d, e);
    case SCENARIO_REPLAY: return load_replay(o, d, e);
    case SCENARIO_SPACE: return load_space(o, d, e);
    case SCENARIO_SCALING: return load_scaling(o, d, e);
    default: break;
    }
    struct server own = {0};
    int rc = o->start_server ? server_start(o, NULL, &own, NULL, e) : 0;
    if (rc < 0)
        return rc; /* the server's output stays in its log */
    const char *address = o->pgvector ? o->pg : o->start_server ? own.address : o->server;
    if (o->scenario == SCENARIO_OVERHEAD)
        rc = load_overhead(o, address, o->start_server ? own.pid : (pid_t)o->server_pid, d, e);
    else
        rc = driven_run(o, address, d, e);
    return o->start_server ? load_server_end(&own, rc, e) : rc;
}

/* Whether the target is available; if not, prints why. */
static bool target_choose(struct load_options *o)
{
    char why[ERROR_TEXT_MAX] = "this load was built without libpq (Debian: libpq-dev)";
    o->target = &target_kith;
    if (!o->pgvector)
        return true;
#if HAVE_LIBPQ
    o->target = &target_pgvector;
    if (o->target->usable(o->pg, why, sizeof(why)))
        return true;
#endif
    printf("load: %s; skipped\n", why);
    return false;
}

int main(int argc, char **argv)
{
    struct load_options o;
    int rc = load_options_read(argc, argv, &o);
    if (rc <= 0)
        return rc < 0 ? 2 : 0;
    signal(SIGPIPE, SIG_IGN);
    if (!target_choose(&o))
        return 0;
    struct dataset data = {0};
    struct error e = {0};
    bool folder_is_enough = o.scenario == SCENARIO_START && o.data_folder;
    if (!folder_is_enough)
        rc = dataset_open(&o.data, &data, &e);
    if (rc >= 0)
        rc = scenario_run(&o, &data, &e);
    if (rc < 0)
        fprintf(stderr, "load: %s\n", e.text[0] ? e.text : strerror(-rc));
    dataset_fini(&data);
    return rc < 0 ? 1 : 0;
}
