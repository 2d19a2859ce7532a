/* crash.c -- tests that after kill -9 all acknowledged points are there, and no others.
 *
 * A round starts the server on the data of the last round and compares everything with the model.
 * Then it loads the server with imports, upserts, deletes, searches and changes of the schema, and
 * kills it at a random moment. Rounds differ in the number of reactors, the back end and the size
 * of segments. Some end by an orderly stop. */
#include "common.h"
#include "fields.h"
#include "load.h"
#include "server.h"
#include "snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLLECTION   "crash"
#define LOAD_US_MIN  30000
#define LOAD_US_MORE 500000

static struct model model;
static struct load load = {.collection = COLLECTION, .model = &model, .maintains = true};
static struct snapshots snapshots = {.load = &load};
static struct fields fields = {.load = &load};
static struct server_plan plan;
static struct {
    unsigned kills, stops, verified, segments_max;
} counts;

static int ensure_collection(struct kith *k)
{
    struct kith_collection c = {
        .name = COLLECTION, .dim = DIM, .metric = KITH_L2, .index = {.m = 8, .ef_construct = 32}};
    int rc = kith_create(k, &c);
    return rc == 0 || rc == -KITH_ALREADY_EXISTS ? 0 : failed("creating a collection: %s", kith_error(k));
}

/* After an interrupted restore the data must be all as before or all as in the snapshot. */
static int check_either(struct contents *c)
{
    int rc = model_check(&model, load.k, COLLECTION, c);
    if (!snapshots.torn)
        return rc;
    snapshots.torn = false;
    if (rc == 0)
        return 0;
    printf("# not as it was before the restore: %s\n", failure());
    failure_forget();
    return model_check(&snapshots.is, load.k, COLLECTION, c);
}

static int check_everything(void)
{
    static struct contents contents;
    if (check_either(&contents) < 0)
        return -1;
    model_settle(&model, &contents);
    struct kith_info info;
    if (kith_info_read(load.k, COLLECTION, &info) < 0)
        return failed("info: %s", kith_error(load.k));
    if (info.sealed_segments > counts.segments_max)
        counts.segments_max = (unsigned)info.sealed_segments;
    return 0;
}

static int end_round(struct server *s, bool kill_it)
{
    if (kill_it) {
        server_kill(s);
        counts.kills++;
        if (load_drop(&load) < 0 || fields_poll(&fields, true, false) < 0)
            return -1;
        return snapshots_poll(&snapshots, s, true, false);
    }
    counts.stops++;
    if (load_finish(&load) < 0 || fields_poll(&fields, true, true) < 0 || snapshots_poll(&snapshots, s, true, true) < 0)
        return -1;
    return server_stop(s);
}

/* Makes one change of the schema after the other. None is made during a snapshot, because it would
 * be unknown which schema the snapshot holds. */
static int change_fields(const struct server *s)
{
    if (fields_poll(&fields, false, true) < 0)
        return -1;
    const bool may = fields.kith && !fields.child && !snapshots.child;
    return may && random_below(8) == 0 ? fields_begin(&fields, s) : 0;
}

/* Runs the load. In some rounds a snapshot begins at a random moment, and half of these may end
 * before the load does. In the others the schema changes. */
static int load_some(const struct server *s)
{
    uint64_t whole_us = LOAD_US_MIN + random_below(LOAD_US_MORE), before_us = random_below(whole_us);
    if (load_run(&load, before_us) < 0)
        return -1;
    if (snapshots.kith && random_below(2) && snapshots_begin(&snapshots, s) < 0)
        return -1;
    bool patient = random_below(2);
    for (uint64_t end = now_us() + whole_us - before_us; now_us() < end || (patient && snapshots.child);)
        if (load_run(&load, 5000) < 0 || change_fields(s) < 0 || snapshots_poll(&snapshots, s, false, true) < 0)
            return -1;
    return 0;
}

/* Restores with writes under way, except writes of ids for which the snapshot is uncertain. */
static int restore_under_load(struct server *s)
{
    load.no_searches = true;
    load.snapshot = &snapshots.is;
    load.maintains = false;
    int rc = load_run(&load, 20000);
    load.no_searches = false;
    load.snapshot = NULL;
    load.maintains = true;
    return rc < 0 ? rc : snapshots_restore(&snapshots, s);
}

static int restore_some(struct server *s)
{
    if (!snapshots.name[0] || random_below(3))
        return 0;
    if (random_below(2) && snapshots_verify(&snapshots, s) < 0)
        return -1;
    if (random_below(3) == 0)
        return snapshots_restore_killed(&snapshots, s);
    int rc = random_below(2) ? restore_under_load(s) : snapshots_restore(&snapshots, s);
    return rc < 0 ? rc : check_everything();
}

/* Verifies every checksum in the folder that a kill left behind. */
static int verify_folder(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        freopen(plan.output, "a", stdout);
        dup2(1, 2);
        execl(plan.kithd, plan.kithd, "--data", plan.dir, "--verify", (char *)NULL);
        _exit(127);
    }
    int status = 1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return failed("kithd --verify ended with status %d", status);
    counts.verified++;
    return 0;
}

static int use_server(struct server *s, bool kill_it)
{
    if (ensure_collection(load.k) < 0 || check_everything() < 0 || restore_some(s) < 0)
        return -1;
    if (!server_lives(s)) /* the restore was interrupted by a kill */
        return 0;
    return load_some(s) < 0 ? -1 : end_round(s, kill_it);
}

static void choose_plan(void)
{
    static const unsigned growing_mib[] = {1, 1, 2};
    plan.reactors = 1 + (unsigned)random_below(3);
    plan.growing_mib = growing_mib[random_below(3)];
    plan.io = random_below(2) ? "auto" : "uv";
    plan.extra[0] = "--merge-mib"; /* small, so that there are several segments */
    plan.extra[1] = random_below(2) ? "2" : "4";
    plan.extra[2] = NULL;
    if (snapshots.name[0] && !snapshots.torn && random_below(12) == 0) {
        plan.extra[2] = "--restore";
        plan.extra[3] = snapshots.name;
        model = snapshots.is;
        snapshots.restored++;
    }
}

static int run_round(bool kill_it)
{
    struct server s;
    choose_plan();
    if (counts.kills && !snapshots.torn && random_below(6) == 0 && verify_folder() < 0)
        return -1;
    if (server_start(&s, &plan) < 0)
        return -1;
    int rc = server_connect(&s, &load.k);
    if (rc == 0) {
        rc = use_server(&s, kill_it);
        kith_close(load.k);
    }
    if (rc < 0)
        server_print(&s);
    server_kill(&s);
    return rc;
}

static void read_options(int argc, char **argv, unsigned *rounds)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kithd") == 0)
            plan.kithd = argv[i + 1];
        else if (strcmp(argv[i], "--kith") == 0)
            snapshots.kith = fields.kith = argv[i + 1];
        else if (strcmp(argv[i], "--rounds") == 0)
            *rounds = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[i + 1], NULL, 10);
    }
    if (plan.kithd)
        return;
    fprintf(stderr, "usage: crash --kithd PATH [--kith PATH] [--rounds N] [--seed S]\n");
    exit(2);
}

static void print_counts(unsigned rounds)
{
    const struct load_counts *c = &load.counts;
    printf(
        "# %u rounds: %u kills, %u stops; acknowledged: %llu upserts, %llu deletes (%llu points), %llu searches, %llu "
        "seals, %llu compactions; at most %u segments; %llu points compared\n",
        rounds, counts.kills, counts.stops, (unsigned long long)c->upserts, (unsigned long long)c->deletes,
        (unsigned long long)c->points, (unsigned long long)c->searches, (unsigned long long)c->seals,
        (unsigned long long)c->compactions, counts.segments_max, (unsigned long long)model_checked());
    printf("# %u snapshots taken, %u verified, %u restored, %u restores cut off; %u folders verified; %u changes of "
           "the schema\n",
           snapshots.taken, snapshots.verified, snapshots.restored, snapshots.interrupted, counts.verified,
           fields.changed);
}

int main(int argc, char **argv)
{
    unsigned rounds = 50;
    static char data[300], output[300];
    read_options(argc, argv, &rounds);
    const char *dir = folder_make();
    if (!dir) {
        perror("a folder for the data");
        return 1;
    }
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(output, sizeof(output), "%s/kithd.log", dir);
    plan.dir = data;
    plan.output = output;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%u\n", rounds);
    for (unsigned round = 1; round <= rounds; round++) {
        bool kill_it = round % 5 != 0;
        if (run_round(kill_it) < 0) {
            printf("not ok %u - %s (data kept in %s)\n", round, failure(), dir);
            return 1;
        }
        printf("ok %u - %s on %u reactors (%s)\n", round, kill_it ? "killed" : "stopped", plan.reactors, plan.io);
    }
    print_counts(rounds);
    folder_remove(dir);
    return 0;
}
