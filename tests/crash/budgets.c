/* budgets.c -- servers with little memory and one to 64 reactors, whose clients send upserts
 * without waiting for answers. The memory that the kernel counts for the process must stay below
 * --memory and a tenth. A server with too little memory for its reactors must not start, and must
 * say how much it needs. */
#include "cage.h"
#include "common.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 24
#define UNDER_WAY   10
#define BATCH       50
#define DIM         128
#define ROWS        15000 /* the number of ids: most upserts replace a point */
#define ANSWERS     3000

static struct server_plan plan = {.io = "auto"};
static struct server server;
static struct kith *clients[CONNECTIONS];

static const struct budget {
    unsigned reactors, mib, growing_mib;
} budgets[] = {{1, 64, 122}, {2, 64, 1}, {2, 128, 122}, {8, 64, 122}, {8, 64, 1}, {64, 512, 122}};
#define BUDGETS (sizeof(budgets) / sizeof(*budgets))

/* -- the load -- */

static int begin_one(struct kith *k)
{
    static float vectors[BATCH * DIM];
    struct kith_id ids[BATCH];
    for (size_t i = 0; i < BATCH * DIM; i++)
        vectors[i] = (float)(random_next() >> 40) / (float)(1 << 24);
    for (uint32_t i = 0; i < BATCH; i++)
        ids[i] = (struct kith_id){0, random_below(ROWS)};
    const struct kith_points points = {.count = BATCH, .ids = ids, .vectors = vectors, .dim = DIM};
    return kith_start_upsert(k, "main", &points) < 0 ? failed("an upsert: %s", kith_error(k)) : 0;
}

static int take_answer(struct kith *k, unsigned *refused)
{
    struct kith_reply reply;
    if (kith_next(k, (int64_t)PATIENCE_US, &reply) != 1)
        return failed("no answer: %s", kith_error(k));
    *refused += reply.code != 0;
    return reply.code == 0 || reply.code == -KITH_RESOURCE_EXHAUSTED || reply.code == KITH_RESOURCE_EXHAUSTED
               ? 0
               : failed("an upsert ended with %d", reply.code);
}

/* Keeps UNDER_WAY upserts of each connection under way. */
static int load(uint64_t *ret_most, unsigned *ret_refused)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        for (unsigned j = 0; j < UNDER_WAY; j++)
            if (begin_one(clients[i]) < 0)
                return -1;
    for (unsigned n = 0; n < ANSWERS; n++) {
        struct kith *k = clients[n % CONNECTIONS];
        if (take_answer(k, ret_refused) < 0 || begin_one(k) < 0)
            return -1;
        const uint64_t now = anonymous_bytes(server.pid);
        *ret_most = now > *ret_most ? now : *ret_most;
    }
    return 0;
}

static int connect_all(void)
{
    char why[256];
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (kith_open(server.address, &clients[i], why, sizeof(why)) < 0)
            return failed("connecting: %s", why);
    const struct kith_collection c = {.name = "main", .dim = DIM, .metric = KITH_L2};
    return kith_create(clients[0], &c) < 0 ? failed("creating: %s", kith_error(clients[0])) : 0;
}

static void close_all(void)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        kith_close(clients[i]);
    memset(clients, 0, sizeof(clients));
}

/* -- the cases -- */

static int rests_within(uint64_t bytes)
{
    for (uint64_t end = now_us() + PATIENCE_US; now_us() < end; pause_us(50000))
        if (anonymous_bytes(server.pid) <= bytes)
            return 0;
    return failed("after the load the server still has %llu MiB",
                  (unsigned long long)(anonymous_bytes(server.pid) >> 20));
}

static int keeps_to(const struct budget *b)
{
    const uint64_t bytes = (uint64_t)b->mib << 20;
    uint64_t most = 0;
    unsigned refused = 0;
    if (server_start(&server, &plan) < 0 || connect_all() < 0)
        return -1;
    int rc = load(&most, &refused);
    close_all();
    if (rc < 0)
        return -1;
    printf("# %u refused of %d, at most %llu MiB\n", refused, ANSWERS, (unsigned long long)(most >> 20));
    if (most > bytes + bytes / 10)
        return failed("the server had %llu MiB", (unsigned long long)(most >> 20));
    if (refused > ANSWERS / 2)
        return failed("%u of %d upserts were refused", refused, ANSWERS);
    rc = rests_within(bytes);
    return rc < 0 ? -1 : server_stop(&server);
}

static int output_has(const char *sentence)
{
    char line[1000];
    bool found = false;
    FILE *f = fopen(plan.output, "r");
    while (f && fgets(line, sizeof(line), f))
        found |= strstr(line, sentence) != NULL;
    if (f)
        fclose(f);
    return found ? 0 : failed("kithd does not say: %s", sentence);
}

static int too_little_is_said(void)
{
    plan.reactors = 64;
    plan.extra[1] = "64MiB";
    if (server_start(&server, &plan) == 0)
        return failed("64 reactors were started with 64 MiB");
    failure_forget();
    return output_has("64 reactors need at least 512 MiB of memory") < 0 ? -1 : output_has("--reactors 8 or fewer");
}

static int with_budget(const struct budget *b)
{
    static char memory[32];
    snprintf(memory, sizeof(memory), "%uMiB", b->mib);
    plan.reactors = b->reactors;
    plan.growing_mib = b->growing_mib;
    plan.extra[0] = "--memory";
    plan.extra[1] = memory;
    return keeps_to(b);
}

static int run_all(const char *dir)
{
    static char data[BUDGETS][400];
    for (size_t i = 0; i < BUDGETS; i++) {
        snprintf(data[i], sizeof(data[i]), "%s/data%zu", dir, i);
        plan.dir = data[i];
        if (with_budget(&budgets[i]) < 0) {
            server_print(&server);
            printf("not ok %zu - %u reactors, --memory %u MiB: %s\n", i + 1, budgets[i].reactors, budgets[i].mib,
                   failure());
            return 1;
        }
        printf("ok %zu - %u reactors keep to --memory %u MiB\n", i + 1, budgets[i].reactors, budgets[i].mib);
    }
    const int rc = too_little_is_said();
    printf("%s %zu - a server with too little memory for its reactors says so%s%s\n", rc < 0 ? "not ok" : "ok",
           BUDGETS + 1, rc < 0 ? ": " : "", failure());
    return rc < 0;
}

int main(int argc, char **argv)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("1..0 # skip a sanitizer adds memory of its own\n");
    return 0;
#endif
    static char output[400];
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--kithd") == 0)
            plan.kithd = argv[i + 1];
    if (!plan.kithd) {
        fprintf(stderr, "usage: budgets --kithd PATH\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *dir = folder_make();
    if (!dir) {
        perror("a folder for the data");
        return 1;
    }
    snprintf(output, sizeof(output), "%s/kithd.log", dir);
    plan.output = output;
    printf("1..%zu\n", BUDGETS + 1);
    const int rc = run_all(dir);
    server_kill(&server);
    folder_remove(dir);
    return rc;
}
