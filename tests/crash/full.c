/* full.c -- tests a disk that fills up. Upserts are refused with a sentence that says what to free.
 * Searches, reads, deletes and drops go on. Writes come back by themselves when there is room, and
 * no acknowledged write is lost.
 *
 * One collection is compared with the model. Another one, the filler, gets new points until the
 * disk is full. */
#include "common.h"
#include "disk.h"
#include "load.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_MIB     128
#define COLLECTION   "kept"
#define FILLER       "filler"
#define FILLER_BATCH 200
#define FILLER_BYTES 4096 /* size of a payload */
#define LOAD_US      200000
#define RECOVER_US   ((uint64_t)60000000)

static struct model model;
static struct load load = {.collection = COLLECTION, .model = &model};
static struct server_plan plan = {.reactors = 2, .growing_mib = 1, .io = "auto"};
static struct server server;
static struct disk disk;
static struct {
    uint64_t acknowledged,
        /* of the filler, points below `acknowledged` must be there; none from `tried` on may be */
        tried;
} filler;
static uint64_t recover_us_max;
static unsigned refused, kills;

/* -- the server -- */

static int create(const char *name)
{
    struct kith_collection c = {.name = name, .dim = DIM, .metric = KITH_L2, .index = {.m = 8, .ef_construct = 32}};
    int rc = kith_create(load.k, &c);
    return rc == 0 || rc == -KITH_ALREADY_EXISTS ? 0 : failed("creating '%s': %s", name, kith_error(load.k));
}

static int start(void)
{
    return server_start(&server, &plan) < 0 || server_connect(&server, &load.k) < 0 ? -1 : 0;
}

static int kill_server(void)
{
    server_kill(&server);
    kills++;
    int rc = load_drop(&load);
    kith_close(load.k);
    return rc;
}

/* -- the filler -- */

static const char *filler_payload(uint64_t n, uint32_t *ret_size)
{
    static char payloads[FILLER_BATCH][FILLER_BYTES];
    char *p = payloads[n % FILLER_BATCH];
    int size = snprintf(p, FILLER_BYTES, "{\"n\": %llu, \"text\": \"", (unsigned long long)n);
    memset(p + size, 'a' + (int)(n % 26), FILLER_BYTES - (size_t)size - 3);
    memcpy(p + FILLER_BYTES - 3, "\"}", 3);
    *ret_size = FILLER_BYTES - 1;
    return p;
}

/* Sends one batch. Returns 0 if it was acknowledged, or the code of the refusal. */
static int filler_upsert(void)
{
    static float vectors[FILLER_BATCH][DIM];
    struct kith_id ids[FILLER_BATCH];
    const char *payloads[FILLER_BATCH];
    uint32_t sizes[FILLER_BATCH];
    for (uint32_t i = 0; i < FILLER_BATCH; i++) {
        uint64_t n = filler.acknowledged + i;
        ids[i] = (struct kith_id){0, n};
        make_vector((uint32_t)n, 1, vectors[i]);
        payloads[i] = filler_payload(n, &sizes[i]);
    }
    struct kith_points points = {FILLER_BATCH, ids, vectors[0], DIM, payloads, sizes, 0};
    filler.tried = filler.acknowledged + FILLER_BATCH;
    int rc = kith_upsert(load.k, FILLER, &points);
    if (rc == 0)
        filler.acknowledged = filler.tried;
    return rc;
}

static int filler_check(void)
{
    uint64_t count = 0;
    if (kith_count(load.k, FILLER, &count) < 0)
        return failed("counting the filler: %s", kith_error(load.k));
    if (count < filler.acknowledged || count > filler.tried)
        return failed("the filler has %llu points; %llu were acknowledged, %llu tried", (unsigned long long)count,
                      (unsigned long long)filler.acknowledged, (unsigned long long)filler.tried);
    for (uint64_t n = 0; n < filler.acknowledged; n++) {
        struct kith_id id = {0, n};
        struct kith_result got;
        uint32_t size;
        if (n % 7) /* every seventh point is read; the count covers the others */
            continue;
        if (kith_get(load.k, FILLER, &id, 1, false, true, DIM, &got) < 0)
            return failed("reading the filler: %s", kith_error(load.k));
        if (got.count != 1 || strcmp(got.payloads[0], filler_payload(n, &size)) != 0)
            return failed("point %llu of the filler is %s", (unsigned long long)n, got.count ? "another" : "gone");
    }
    return 0;
}

/* -- what is expected -- */

static int check_everything(bool settle)
{
    static struct contents contents;
    if (model_check(&model, load.k, COLLECTION, &contents) < 0)
        return -1;
    if (settle)
        model_settle(&model, &contents);
    return filler.tried ? filler_check() : 0;
}

static int check_refusal(int code, const char *text)
{
    refused++;
    if (code == -KITH_RESOURCE_EXHAUSTED && strstr(text, "free") && strstr(text, disk.path))
        return 0;
    return failed("with a full disk a write was refused with %d: %s", code, text);
}

/* Runs a mixed load, and with `fill` writes new points, until a write is refused. */
static int write_until_refused(bool fill)
{
    load.refusals_allowed = true;
    int rc = fill ? 0 : -1;
    for (uint64_t end = now_us() + PATIENCE_US; rc == 0 || load.refused_count == 0;) {
        if (now_us() > end)
            return failed("no write is refused, with %llu bytes of room", (unsigned long long)disk_room(&disk));
        if (load_run(&load, 20000) < 0 || load_finish(&load) < 0)
            return -1;
        for (int i = 0; rc == 0 && i < 4; i++) {
            rc = filler_upsert();
            if (rc < 0 && check_refusal(rc, kith_error(load.k)) < 0)
                return -1;
        }
    }
    return check_refusal(load.refused_code, load.refused_text);
}

/* Deletes must be taken though they are writes, because they free room. Searches go on beside. */
static int delete_some(void)
{
    uint64_t deletes = load.counts.deletes, searches = load.counts.searches;
    load.no_upserts = true;
    load.refusals_allowed = false;
    int rc = load_run(&load, LOAD_US) < 0 || load_finish(&load) < 0 ? -1 : 0;
    load.no_upserts = false;
    load.refusals_allowed = true;
    return rc < 0 || (load.counts.deletes > deletes && load.counts.searches > searches) ? rc
                                                                                        : failed("nothing was done");
}

static int drop_filler(void)
{
    if (kith_drop(load.k, FILLER) < 0)
        return failed("a drop on a full disk was refused: %s", kith_error(load.k));
    filler.acknowledged = filler.tried = 0;
    return 0;
}

/* Waits, without any help for the server, until it takes writes. */
static int wait_for_writes(void)
{
    uint64_t start_us = now_us();
    int rc;
    while ((rc = load_retry(&load)) > 0 && now_us() < start_us + RECOVER_US)
        pause_us(100000);
    load.refusals_allowed = false;
    if (rc > 0)
        return failed("a minute after there was room, writes are still refused with %d: %s", load.refused_code,
                      load.refused_text);
    uint64_t took_us = now_us() - start_us;
    recover_us_max = took_us > recover_us_max ? took_us : recover_us_max;
    return rc < 0 || load_run(&load, LOAD_US) < 0 ? -1 : load_finish(&load);
}

/* -- the cases, each begins where the one before ended -- */

static int fills_up(void)
{
    if (start() < 0 || create(COLLECTION) < 0 || create(FILLER) < 0 || load_run(&load, LOAD_US) < 0 ||
        load_finish(&load) < 0 || write_until_refused(true) < 0)
        return -1;
    return check_everything(false);
}

static int deletes_work(void)
{
    return delete_some() < 0 ? -1 : check_everything(false);
}

static int killed_when_full(void)
{
    return kill_server() < 0 || start() < 0 ? -1 : check_everything(true);
}

static int drop_brings_writes_back(void)
{
    if (write_until_refused(true) < 0 || drop_filler() < 0 || wait_for_writes() < 0 || check_everything(false) < 0)
        return -1;
    return kill_server() < 0 || start() < 0 ? -1 : check_everything(true);
}

/* Other programs filled the disk while the server was down. The server still has its reserve. */
static int starts_when_full(void)
{
    if (load_run(&load, LOAD_US) < 0 || kill_server() < 0 || disk_fill(&disk) < 0 || start() < 0 ||
        check_everything(true) < 0 || write_until_refused(false) < 0 || delete_some() < 0)
        return -1;
    return check_everything(false);
}

static int starts_without_a_byte(void)
{
    char reserve[400];
    snprintf(reserve, sizeof(reserve), "%s/reserve", plan.dir);
    if (kill_server() < 0)
        return -1;
    unlink(reserve);
    if (disk_fill(&disk) < 0 || start() < 0 || check_everything(true) < 0)
        return -1;
    return write_until_refused(false) < 0 ? -1 : check_everything(false);
}

static int room_brings_writes_back(void)
{
    disk_free(&disk);
    if (wait_for_writes() < 0 || check_everything(false) < 0)
        return -1;
    return kill_server() < 0 || start() < 0 ? -1 : check_everything(true);
}

static int stops_when_full(void)
{
    if (disk_fill(&disk) < 0 || write_until_refused(false) < 0)
        return -1;
    int rc = load_drop(&load); /* refused writes are not tried again */
    kith_close(load.k);
    if (server_stop(&server) < 0)
        rc = -1;
    disk_free(&disk);
    return rc < 0 || start() < 0 ? -1 : check_everything(true);
}

static const struct {
    int (*run)(void);
    const char *name;
} cases[] = {
    {fills_up, "upserts are refused, everything can be read"},
    {deletes_work, "deletes and searches go on"},
    {killed_when_full, "killed when full: nothing is lost"},
    {drop_brings_writes_back, "a drop brings writes back"},
    {starts_when_full, "a start on a full disk: reads, deletes and searches"},
    {starts_without_a_byte, "a start without a byte of room serves reads"},
    {room_brings_writes_back, "room brings writes back"},
    {stops_when_full, "an orderly stop when full"},
};
#define CASES (sizeof(cases) / sizeof(*cases))

static int run_cases(void)
{
    for (size_t i = 0; i < CASES; i++) {
        if (cases[i].run() < 0) {
            server_print(&server);
            printf("not ok %zu - %s: %s\n", i + 1, cases[i].name, failure());
            return 1;
        }
        printf("ok %zu - %s\n", i + 1, cases[i].name);
    }
    printf("# %s of %d MiB: %u refusals, %u kills; back within %.1f s; %llu upserts, %llu deletes, %llu searches "
           "acknowledged, %llu points compared\n",
           disk.kind, DISK_MIB, refused, kills, (double)recover_us_max / 1e6, (unsigned long long)load.counts.upserts,
           (unsigned long long)load.counts.deletes, (unsigned long long)load.counts.searches,
           (unsigned long long)model_checked());
    return 0;
}

int main(int argc, char **argv)
{
    static char data[400], output[300];
    const char *kind = NULL, *dir;
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--kithd") == 0)
            plan.kithd = argv[i + 1];
        else if (strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--disk") == 0)
            kind = argv[i + 1];
    if (!plan.kithd) {
        fprintf(stderr, "usage: full --kithd PATH [--seed S] [--disk ext4|tmpfs]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    dir = folder_make();
    if (!dir) {
        perror("a folder for the disk");
        return 1;
    }
    if (disk_open(&disk, dir, DISK_MIB, kind) < 0) {
        printf("1..0 # skip %s\n", failure());
        folder_remove(dir);
        return 0;
    }
    snprintf(data, sizeof(data), "%s/data", disk.path);
    snprintf(output, sizeof(output), "%s/kithd.log", dir);
    plan.dir = data;
    plan.output = output;
    printf("1..%zu\n", CASES);
    int rc = run_cases();
    server_kill(&server);
    disk_close(&disk);
    folder_remove(dir);
    return rc;
}
