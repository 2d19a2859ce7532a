/* faults.c -- tests writes and flushes that fail. No upsert is acknowledged meanwhile, searches go
 * on, the server recovers by itself after the fault, and no acknowledged write is lost.
 *
 * Each fault is tested in two runs of the server. In the first the fault ends, and the server must
 * recover. In the second the server is killed during the fault. After each it is started without
 * faults. */
#include "common.h"
#include "interceptor.h"
#include "load.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECTION "faults"
#define LOAD_US    250000
#define RECOVER_US ((uint64_t)60000000)

static struct model model;
static struct load load = {.collection = COLLECTION, .model = &model};
static struct server_plan plan = {.reactors = 2, .growing_mib = 1, .io = "uv"};
static struct server server;
static struct interceptor *interceptor;
static uint64_t recover_us_max;

static int check_everything(bool settle)
{
    static struct contents contents;
    if (model_check(&model, load.k, COLLECTION, &contents) < 0)
        return -1;
    if (settle)
        model_settle(&model, &contents);
    return 0;
}

static int start(void)
{
    if (server_start(&server, &plan) < 0 || server_connect(&server, &load.k) < 0)
        return -1;
    struct kith_collection c = {
        .name = COLLECTION, .dim = DIM, .metric = KITH_L2, .index = {.m = 8, .ef_construct = 32}};
    int rc = kith_create(load.k, &c);
    if (rc != 0 && rc != -KITH_ALREADY_EXISTS)
        return failed("creating a collection: %s", kith_error(load.k));
    return check_everything(true);
}

static int end(void)
{
    server_kill(&server);
    int rc = load_drop(&load);
    kith_close(load.k);
    interceptor_detach(interceptor);
    return rc;
}

/* Loads the server until it refuses a write and all earlier requests are answered. */
static int load_until_refused(void)
{
    load.refusals_allowed = true;
    for (uint64_t deadline = now_us() + PATIENCE_US; load.refused_count == 0;)
        if (load_run(&load, 10000) < 0)
            return -1;
        else if (now_us() > deadline)
            return failed("no write is refused though %llu calls failed",
                          (unsigned long long)interceptor_failures(interceptor));
    if (load_finish(&load) < 0)
        return -1;
    if (load.refused_code != -KITH_IO || !strstr(load.refused_text, plan.dir))
        return failed("a write was refused with %d: %s", load.refused_code, load.refused_text);
    return 0;
}

/* During the fault everything can be read, and no upsert is acknowledged, not even when it is tried
 * again. */
static int check_refusing(void)
{
    uint64_t acknowledged = load.counts.upserts;
    if (check_everything(false) < 0 || load_run(&load, LOAD_US) < 0 || load_finish(&load) < 0 || load_retry(&load) < 0)
        return -1;
    if (load.counts.upserts == acknowledged)
        return 0;
    return failed("%llu upserts were acknowledged while none could be durable",
                  (unsigned long long)(load.counts.upserts - acknowledged));
}

static int recover(void)
{
    uint64_t start_us = now_us();
    int rc;
    while ((rc = load_retry(&load)) > 0 && now_us() < start_us + RECOVER_US)
        pause_us(100000);
    load.refusals_allowed = false;
    if (rc > 0)
        return failed("a minute after the fault ended, writes are still refused with %d: %s", load.refused_code,
                      load.refused_text);
    uint64_t took_us = now_us() - start_us;
    recover_us_max = took_us > recover_us_max ? took_us : recover_us_max;
    return rc;
}

static int first_life(enum interception fault)
{
    if (start() < 0 || load_run(&load, LOAD_US) < 0)
        return -1;
    interceptor_set(interceptor, fault);
    int rc = load_until_refused();
    if (rc == 0)
        rc = check_refusing();
    interceptor_set(interceptor, INTERCEPT_NOTHING);
    if (rc == 0)
        rc = recover();
    if (rc == 0)
        rc = check_everything(false);
    return rc < 0 ? rc : load_run(&load, LOAD_US);
}

static int second_life(enum interception fault)
{
    if (start() < 0 || load_run(&load, LOAD_US) < 0)
        return -1;
    interceptor_set(interceptor, fault);
    return load_until_refused();
}

static int run(int (*life)(enum interception), enum interception fault)
{
    int rc = life(fault);
    interceptor_set(interceptor, INTERCEPT_NOTHING);
    load.refusals_allowed = false;
    if (rc < 0)
        server_print(&server);
    return load.k && end() < 0 ? -1 : rc;
}

static int last_life(enum interception fault)
{
    (void)fault;
    return start();
}

static int go_through(enum interception fault)
{
    return run(first_life, fault) < 0 || run(second_life, fault) < 0 || run(last_life, fault) < 0 ? -1 : 0;
}

static const struct {
    enum interception fault;
    const char *name;
} faults[] = {
    {INTERCEPT_FLUSHES, "flushes fail with EIO"},
    {INTERCEPT_WRITES, "writes fail with EIO"},
    {INTERCEPT_LOSES, "writes are lost and the flush tells it"},
    {INTERCEPT_READ_ONLY, "the file system is read-only"},
};
#define FAULTS (sizeof(faults) / sizeof(*faults))

int main(int argc, char **argv)
{
    static char data[300], output[300];
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--kithd") == 0)
            plan.kithd = argv[i + 1];
        else if (strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[i + 1], NULL, 10);
    if (!plan.kithd) {
        fprintf(stderr, "usage: faults --kithd PATH [--seed S]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    interceptor = interceptor_create();
    if (!interceptor) {
        printf("1..0 # skip %s\n", failure());
        return 0;
    }
    const char *dir = folder_make();
    if (!dir) {
        perror("a folder for the data");
        return 1;
    }
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(output, sizeof(output), "%s/kithd.log", dir);
    plan.dir = data;
    plan.output = output;
    plan.in_child = interceptor_in_child;
    plan.in_parent = interceptor_attach;
    plan.arg = interceptor;
    printf("1..%zu\n", FAULTS);
    for (size_t i = 0; i < FAULTS; i++) {
        if (go_through(faults[i].fault) < 0) {
            printf("not ok %zu - %s: %s (data kept in %s)\n", i + 1, faults[i].name, failure(), dir);
            return 1;
        }
        printf("ok %zu - %s\n", i + 1, faults[i].name);
    }
    printf("# %zu faults, %llu failed calls, %llu refused writes; back within %.1f s; %llu upserts, %llu deletes, %llu "
           "searches acknowledged, %llu points compared\n",
           FAULTS, (unsigned long long)interceptor_failures(interceptor), (unsigned long long)load.counts.refusals,
           (double)recover_us_max / 1e6, (unsigned long long)load.counts.upserts,
           (unsigned long long)load.counts.deletes, (unsigned long long)load.counts.searches,
           (unsigned long long)model_checked());
    interceptor_destroy(interceptor);
    folder_remove(dir);
    return 0;
}
