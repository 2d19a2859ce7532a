/* memory.c -- a server with little memory and a hard limit slightly above it. Clients try to make
 * it run out of memory: with more and more points, large batches, many connections with wide
 * searches, and many collections. It must not die or lose anything. Its refusals must say what to
 * do, searches must be answered all the time, and writes must be taken again after deletions. */
#include "cage.h"
#include "common.h"
#include "half_frames.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MIB  160
#define LIMIT_MIB   208
#define LESS_MIB    64
#define DIM         512
#define BATCH       200
#define LARGE       40000 /* points of a batch that needs more than the memory for requests */
#define CONNECTIONS 120
#define HALF_FRAMES 400
#define COLLECTIONS 150
#define RECOVER_US  ((uint64_t)60000000)

static struct server_plan plan = {.reactors = 2, .growing_mib = 122, .io = "auto", .extra = {"--memory", "160MiB"}};
static struct server server;
static struct cage cage;
static struct kith *client;
static uint64_t acknowledged, deleted, refused, anonymous_max;
/* points of refused batches: a core may have taken its part of a batch */
static uint64_t open_points;

/* -- points -- */

static void fill_vectors(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(random_next() >> 40) / (float)(1 << 24);
}

/* Creates a collection whose vectors are always f32, so that few points fill the memory. Few points
 * are indexed quickly. */
static int create(const char *name)
{
    struct kith_collection c = {
        .name = name,
        .dim = DIM,
        .metric = KITH_L2,
        .durability = KITH_NONE,
        .index = {.m = 4, .ef_construct = 8, .code = KITH_CODE_F32, .refine = KITH_REFINE_NONE}};
    int rc = kith_create(client, &c);
    return rc == 0 ? 0 : failed("creating '%s': %s", name, kith_error(client));
}

static int upsert(const char *name, uint64_t first, uint32_t n)
{
    float *vectors = malloc((size_t)n * DIM * sizeof(float));
    struct kith_id *ids = malloc(n * sizeof(*ids));
    fill_vectors(vectors, (size_t)n * DIM);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (struct kith_id){0, first + i};
    struct kith_points points = {.count = n, .ids = ids, .vectors = vectors, .dim = DIM};
    int rc = kith_upsert(client, name, &points);
    if (rc < 0 && strcmp(name, "main") == 0)
        open_points += n;
    free(vectors);
    free(ids);
    uint64_t anonymous = anonymous_bytes(server.pid);
    anonymous_max = anonymous > anonymous_max ? anonymous : anonymous_max;
    return rc;
}

/* -- what is expected -- */

static int check_refusal_as(int code, int rc, const char *word)
{
    refused++;
    if (!server_lives(&server))
        return failed("kithd ended");
    const char *text = kith_error(client);
    return rc == -code && strstr(text, word) ? 0 : failed("refused with %d: %s", rc, text);
}

static int check_refusal(int rc, const char *word)
{
    return check_refusal_as(KITH_RESOURCE_EXHAUSTED, rc, word);
}

static int check_reads(uint32_t k)
{
    float query[DIM];
    struct kith_result result;
    uint64_t count;
    fill_vectors(query, DIM);
    struct kith_search s = {.collection = "main", .queries = query, .count = 1, .dim = DIM, .k = k};
    if (kith_search(client, &s, &result) < 0)
        return failed("a search was refused: %s", kith_error(client));
    const uint64_t there = acknowledged - deleted, least = there < k ? there : k;
    if (result.count < least * 9 / 10 || result.count > k)
        return failed("a search for %u of %llu points found %zu", k, (unsigned long long)there, result.count);
    if (kith_count(client, "main", &count) < 0)
        return failed("counting: %s", kith_error(client));
    return count >= there && count <= there + open_points
               ? 0
               : failed("%llu points are there; %llu were acknowledged, and %llu refused", (unsigned long long)count,
                        (unsigned long long)there, (unsigned long long)open_points);
}

/* -- the cases: each begins where the one before ended -- */

static int start(void)
{
    return server_start(&server, &plan) < 0 || server_connect(&server, &client) < 0 ? -1 : 0;
}

/* Frames of less than 64 KiB whose ends are not sent. They and their connections must fit into the
 * memory that is reserved for reading. */
static int half_sent_frames(void)
{
    struct half_frames half;
    uint64_t most = 0;
    if (start() < 0)
        return -1;
    const uint64_t before = anonymous_bytes(server.pid);
    if (half_frames_begin(&half, server.address, HALF_FRAMES) < 0)
        return -1;
    for (int i = 0; i < 20; i++, pause_us(50000)) {
        const uint64_t now = anonymous_bytes(server.pid);
        most = now > most ? now : most;
    }
    half_frames_end(&half);
    return most <= before + ((uint64_t)MEMORY_MIB << 20) / 8
               ? 0
               : failed("%d frames that were not sent to their end took %llu MiB", HALF_FRAMES,
                        (unsigned long long)((most - before) >> 20));
}

static int import_until_refused(void)
{
    if (create("main") < 0)
        return -1;
    for (uint64_t end = now_us() + 3 * PATIENCE_US; now_us() < end;) {
        int rc = upsert("main", acknowledged, BATCH);
        if (rc < 0)
            return check_refusal(rc, "memory is full") < 0 ? -1 : check_reads(10);
        acknowledged += BATCH;
    }
    return failed("no write was refused, with %llu points", (unsigned long long)acknowledged);
}

static int reads_go_on(void)
{
    for (int i = 0; i < 50; i++)
        if (check_reads(i % 2 ? 10000 : 10) < 0)
            return -1;
    return 0;
}

static int large_batches(void)
{
    for (int i = 0; i < 4; i++) {
        int rc = upsert("main", 1000000, LARGE);
        if (rc == 0)
            return failed("a batch of %d points was taken when memory was full", LARGE);
        if (check_refusal_as(KITH_TOO_LARGE, rc, "the request has") < 0)
            return -1;
    }
    return check_reads(10);
}

/* Each connection sends large requests and reads its answers late. Refusals count as answers. */
static int many_connections(void)
{
    static struct kith *clients[CONNECTIONS];
    static float queries[16 * DIM];
    char why[256];
    unsigned answered = 0;
    fill_vectors(queries, 16 * DIM);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (kith_open(server.address, &clients[i], why, sizeof(why)) < 0)
            continue;
        struct kith_search s = {
            .collection = "main", .queries = queries, .count = i % 8 ? 2 : 16, .dim = DIM, .k = 10000};
        for (unsigned j = 0; j < 2; j++)
            (void)!kith_start_search(clients[i], &s);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct kith_reply reply;
        while (clients[i] && kith_next(clients[i], (int64_t)PATIENCE_US, &reply) == 1)
            answered += reply.code == 0;
        kith_close(clients[i]);
        uint64_t anonymous = anonymous_bytes(server.pid);
        anonymous_max = anonymous > anonymous_max ? anonymous : anonymous_max;
    }
    if (!server_lives(&server))
        return failed("kithd ended");
    return answered ? check_reads(10) : failed("not one of %d connections was answered", CONNECTIONS);
}

static int many_collections(void)
{
    char name[32];
    unsigned made = 0, filled = 0;
    for (; made < COLLECTIONS; made++) {
        snprintf(name, sizeof(name), "c%u", made);
        int rc = create(name);
        if (rc < 0 && check_refusal(-KITH_RESOURCE_EXHAUSTED, "memory is full") < 0)
            return -1;
        if (rc < 0)
            break;
        rc = upsert(name, 1, 1);
        filled += rc == 0;
        if (rc < 0 && check_refusal(rc, "memory is full") < 0)
            return -1;
    }
    for (unsigned i = 0; i < made; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        if (kith_drop(client, name) < 0)
            return failed("dropping: %s", kith_error(client));
    }
    printf("# %u of %u collections got their point\n", filled, made);
    return check_reads(10);
}

/* Starts with less memory than the indexes need. Some of them stay in their files, and every point
 * is found all the same. */
static int starts_with_less(void)
{
    kith_close(client);
    plan.extra[1] = "64MiB";
    if (server_stop(&server) < 0 || start() < 0)
        return -1;
    for (int i = 0; i < 20; i++)
        if (check_reads(i % 2 ? 10000 : 10) < 0)
            return -1;
    int rc;
    while ((rc = upsert("main", acknowledged, BATCH)) == 0)
        acknowledged += BATCH;
    rc = check_refusal(rc, "memory is full");
    const uint64_t anonymous = anonymous_bytes(server.pid);
    if (rc == 0 && anonymous > ((uint64_t)LESS_MIB << 20) / 16 * 17)
        rc = failed("started with %d MiB, it used %llu MiB", LESS_MIB, (unsigned long long)(anonymous >> 20));
    kith_close(client);
    plan.extra[1] = "160MiB";
    return rc < 0 || server_stop(&server) < 0 ? -1 : start();
}

static int deletes_bring_writes_back(void)
{
    struct kith_id ids[BATCH];
    uint64_t n;
    for (uint64_t first = 0; first < acknowledged * 2 / 3; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            ids[i] = (struct kith_id){0, first + i};
        if (kith_delete(client, "main", ids, BATCH, &n) < 0)
            return failed("deleting was refused: %s", kith_error(client));
        deleted += n;
    }
    int rc = -1;
    for (uint64_t end = now_us() + RECOVER_US; rc < 0 && now_us() < end; pause_us(200000)) {
        rc = upsert("main", acknowledged, BATCH);
        if (rc < 0 && check_refusal(rc, "memory is full") < 0)
            return -1;
    }
    if (rc < 0)
        return failed("a minute after two thirds were deleted, writes are still refused: %s", kith_error(client));
    acknowledged += BATCH;
    return check_reads(10);
}

static int starts_again(void)
{
    kith_close(client);
    if (server_stop(&server) < 0 || start() < 0 || check_reads(10000) < 0)
        return -1;
    server_kill(&server);
    kith_close(client);
    return start() < 0 ? -1 : check_reads(10000);
}

/* The server looks at its heap four times a second. In between, on a busy machine, the heap may
 * exceed the limit slightly. */
static int kept_the_promise(void)
{
    return anonymous_max <= (uint64_t)(MEMORY_MIB + MEMORY_MIB / 16) << 20
               ? 0
               : failed("%llu MiB were used, more than --memory of %d MiB allows",
                        (unsigned long long)(anonymous_max >> 20), MEMORY_MIB);
}

static const struct {
    int (*run)(void);
    const char *name;
} cases[] = {
    {half_sent_frames, "hundreds of connections that send a part of a frame"},
    {import_until_refused, "points are refused with a sentence when memory is full"},
    {reads_go_on, "searches, wide ones too, go on"},
    {large_batches, "large batches are refused"},
    {many_connections, "many connections with wide searches are answered or refused"},
    {many_collections, "many collections"},
    {starts_with_less, "a start with less memory than the indexes need keeps to it, and everything is found"},
    {deletes_bring_writes_back, "deletes go on, and bring writes back"},
    {starts_again, "a stop, a kill, and starts under the same limit"},
    {kept_the_promise, "the server never used more than --memory and a sixteenth"},
};
#define CASES (sizeof(cases) / sizeof(*cases))

static int run_cases(void)
{
    for (size_t i = 0; i < CASES; i++) {
        uint64_t begin_us = now_us();
        if (cases[i].run() < 0) {
            server_print(&server);
            printf("not ok %zu - %s: %s\n", i + 1, cases[i].name, failure());
            return 1;
        }
        printf("ok %zu - %s\n# %.1f s, %llu MiB\n", i + 1, cases[i].name, (double)(now_us() - begin_us) / 1e6,
               (unsigned long long)(anonymous_bytes(server.pid) >> 20));
    }
    printf("# --memory %d MiB in %s of %d MiB: %llu points, %llu refusals, at most %llu MiB anonymous\n", MEMORY_MIB,
           cage_kind(&cage), LIMIT_MIB, (unsigned long long)acknowledged, (unsigned long long)refused,
           (unsigned long long)(anonymous_max >> 20));
    return 0;
}

int main(int argc, char **argv)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("1..0 # skip a sanitizer needs more memory than the limit\n");
    return 0;
#endif
    static char data[400], output[300];
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--kithd") == 0)
            plan.kithd = argv[i + 1];
        else if (strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[i + 1], NULL, 10);
    if (!plan.kithd) {
        fprintf(stderr, "usage: memory --kithd PATH [--seed S]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *dir = folder_make();
    if (!dir) {
        perror("a folder for the data");
        return 1;
    }
    cage_open(&cage, (uint64_t)LIMIT_MIB << 20, dir);
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(output, sizeof(output), "%s/kithd.log", dir);
    plan.dir = data;
    plan.output = output;
    plan.in_child = cage_enter;
    plan.arg = &cage;
    printf("1..%zu\n", CASES);
    int rc = run_cases();
    server_kill(&server);
    cage_close(&cage);
    folder_remove(dir);
    return rc;
}
