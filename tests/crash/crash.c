/* crash.c -- what was acknowledged is there after kill -9, and nothing else is.
 *
 * The model keeps for each id what the client was told last, and what was under way when the server died: that may have happened
 * or not, everything else is certain. A vector is made from its id and a version, so a wrong row cannot look right. Rounds differ
 * in the number of reactors, in the size at which segments are sealed and in whether the end is a kill or an orderly stop. */
#include "server.h"

#include <errno.h>
#include <kith/kith.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IDS        6000
#define DIM        24
#define BATCH      40
#define IN_FLIGHT  16
#define COLLECTION "crash"

struct expectation {
    uint32_t version; /* acknowledged; 0: absent */
    uint32_t maybe;   /* under way: this version, or absence when `deleting` */
    bool under_way, deleting;
};

struct operation {
    int64_t request;
    size_t count;
    uint32_t ids[BATCH];
};

static struct expectation model[IDS];
static struct operation operations[IN_FLIGHT];
static uint32_t version_next = 1;
static uint64_t random_state;
static char failure[512];

static uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele et al. 2014 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void make_vector(uint32_t id, uint32_t version, float *v)
{
    uint32_t x = id * 2654435761u ^ version * 40503u;
    for (int i = 0; i < DIM; i++) {
        x = x * 1664525u + 1013904223u;
        v[i] = (float)(x >> 16) / 65536.0f - 0.5f;
    }
}

/* Every third id is a UUID: both kinds live in one collection, but not in one request. */
static struct kith_id make_id(uint32_t n, bool uuid)
{
    return uuid ? (struct kith_id){0xc0ffee0000004000u + n, 0x8000000000000000u + n} : (struct kith_id){0, n};
}

static bool is_uuid(uint32_t n)
{
    return n % 3 == 0;
}

static int64_t send_operation(struct kith *k, struct operation *op, bool deleting, uint32_t version)
{
    static float vectors[BATCH][DIM];
    static char payloads[BATCH][32];
    const char *payload_list[BATCH];
    uint32_t payload_sizes[BATCH];
    struct kith_id ids[BATCH];
    for (size_t i = 0; i < op->count; i++) {
        uint32_t n = op->ids[i];
        ids[i] = make_id(n, is_uuid(n));
        make_vector(n, version, vectors[i]);
        payload_sizes[i] = (uint32_t)snprintf(payloads[i], sizeof(payloads[i]), "{\"version\": %u}", version);
        payload_list[i] = payloads[i];
        model[n].under_way = true;
        model[n].deleting = deleting;
        model[n].maybe = version;
    }
    if (deleting)
        return kith_start_delete(k, COLLECTION, ids, op->count);
    struct kith_points points = {op->count, ids, vectors[0], DIM, payload_list, payload_sizes};
    return kith_start_upsert(k, COLLECTION, &points);
}

/* Starts an upsert or a delete of random ids that no other request is working on. */
static int start_operation(struct kith *k, struct operation *op)
{
    bool deleting = random_next() % 5 == 0, uuid = random_next() % 3 == 0;
    size_t want = 1 + random_next() % BATCH;
    uint32_t version = version_next++;
    op->count = 0;
    for (size_t tries = 0; op->count < want && tries < 4 * BATCH; tries++) {
        uint32_t n = (uint32_t)(random_next() % IDS);
        if (is_uuid(n) != uuid || model[n].under_way)
            continue;
        model[n].under_way = true;
        op->ids[op->count++] = n;
    }
    if (op->count == 0)
        return 0;
    op->request = send_operation(k, op, deleting, version);
    return op->request < 0 ? (int)op->request : 0;
}

static void acknowledge(struct operation *op)
{
    for (size_t i = 0; i < op->count; i++) {
        struct expectation *e = &model[op->ids[i]];
        e->version = e->deleting ? 0 : e->maybe;
        e->under_way = false;
    }
    op->request = 0;
}

static struct operation *find_operation(int64_t request)
{
    for (int i = 0; i < IN_FLIGHT; i++)
        if (operations[i].request == request)
            return &operations[i];
    return NULL;
}

/* Takes one answer. 1: taken, 0: none in time, -1: the connection is gone or the server refused. */
static int take_answer(struct kith *k, int64_t timeout_us)
{
    struct kith_reply reply;
    int rc = kith_next(k, timeout_us, &reply);
    if (rc < 0)
        snprintf(failure, sizeof(failure), "the connection was lost: %s", kith_error(k));
    if (rc <= 0)
        return rc;
    struct operation *op = find_operation(reply.request);
    if (reply.code < 0 || !op) {
        snprintf(failure, sizeof(failure), "a write was refused with %d: %s", reply.code, kith_error(k));
        return -1;
    }
    acknowledge(op);
    return 1;
}

/* Writes until the time is up, then leaves with requests under way. */
static int load(struct kith *k, uint64_t duration_us)
{
    memset(operations, 0, sizeof(operations));
    uint64_t end = now_us() + duration_us;
    while (now_us() < end) {
        for (int i = 0; i < IN_FLIGHT; i++)
            if (operations[i].request == 0 && start_operation(k, &operations[i]) < 0) {
                snprintf(failure, sizeof(failure), "sending failed: %s", kith_error(k));
                return -1;
            }
        if (take_answer(k, 1000) < 0)
            return -1;
    }
    return kith_flush(k) < 0 ? -1 : 0;
}

static bool matches(uint32_t n, uint32_t version, const float *vector, const char *payload)
{
    float expected[DIM];
    char text[32];
    make_vector(n, version, expected);
    snprintf(text, sizeof(text), "{\"version\": %u}", version);
    return memcmp(vector, expected, sizeof(expected)) == 0 && strcmp(payload, text) == 0;
}

/* What the server holds of id n must be what was acknowledged, or what was under way; that then is certain. */
static int check_point(uint32_t n, bool found, const float *vector, const char *payload)
{
    struct expectation *e = &model[n];
    uint32_t is = 0;
    if (found && e->version && matches(n, e->version, vector, payload))
        is = e->version;
    else if (found && e->under_way && !e->deleting && matches(n, e->maybe, vector, payload))
        is = e->maybe;
    else if (found || (e->version && !(e->under_way && e->deleting))) {
        snprintf(failure, sizeof(failure), "id %u: acknowledged version %u, under way %s%u, but the server has %s%s", n,
                 e->version,
                 !e->under_way ? "nothing, "
                 : e->deleting ? "delete "
                               : "version ",
                 e->maybe, found ? "payload " : "nothing", found ? payload : "");
        return -1;
    }
    e->version = is;
    e->under_way = false;
    return 0;
}

static int check_ids(struct kith *k, const uint32_t *numbers, size_t count, bool uuid)
{
    static struct kith_id ids[500];
    struct kith_result got;
    for (size_t i = 0; i < count; i++)
        ids[i] = make_id(numbers[i], uuid);
    if (kith_get(k, COLLECTION, ids, count, true, true, DIM, &got) < 0) {
        snprintf(failure, sizeof(failure), "get failed: %s", kith_error(k));
        return -1;
    }
    size_t next = 0; /* found points come in the order asked for */
    for (size_t i = 0; i < count; i++) {
        bool found = next < got.count && got.ids[next].lo == ids[i].lo && got.ids[next].hi == ids[i].hi;
        if (check_point(numbers[i], found, found ? got.vectors + next * DIM : NULL, found ? got.payloads[next] : NULL) <
            0)
            return -1;
        next += found;
    }
    if (next == got.count)
        return 0;
    snprintf(failure, sizeof(failure), "get answered with a point that was not asked for");
    return -1;
}

static int check_count(struct kith *k)
{
    uint64_t expected = 0, count = 0;
    for (uint32_t n = 0; n < IDS; n++)
        expected += model[n].version != 0;
    if (kith_count(k, COLLECTION, &count) == 0 && count == expected)
        return 0;
    snprintf(failure, sizeof(failure), "%llu points counted, %llu acknowledged", (unsigned long long)count,
             (unsigned long long)expected);
    return -1;
}

/* A point's own vector finds it first; a deleted one is never found. A graph may miss a few: that is its nature. */
static int check_search(struct kith *k, bool exact)
{
    int missed = 0, missed_max = exact ? 0 : 2;
    for (int i = 0; i < 20; i++) {
        uint32_t n = (uint32_t)(random_next() % IDS);
        float query[DIM];
        make_vector(n, model[n].version ? model[n].version : 1, query);
        struct kith_search s = {
            .collection = COLLECTION, .queries = query, .count = 1, .dim = DIM, .k = 5, .exact = exact};
        struct kith_result got;
        if (kith_search(k, &s, &got) < 0) {
            snprintf(failure, sizeof(failure), "search failed: %s", kith_error(k));
            return -1;
        }
        struct kith_id id = make_id(n, is_uuid(n));
        bool first = got.count > 0 && got.ids[0].hi == id.hi && got.ids[0].lo == id.lo;
        missed += !first && model[n].version;
        if ((first && !model[n].version) || missed > missed_max) {
            snprintf(failure, sizeof(failure), "%s search for id %u: %s", exact ? "exact" : "graph", n,
                     first ? "found, though deleted" : "its own vector does not find it");
            return -1;
        }
    }
    return 0;
}

static int check_all(struct kith *k)
{
    for (int uuid = 0; uuid < 2; uuid++) {
        static uint32_t numbers[500];
        size_t count = 0;
        for (uint32_t n = 0; n < IDS; n++) {
            if (is_uuid(n) == (bool)uuid)
                numbers[count++] = n;
            if (count && (count == 500 || n + 1 == IDS)) {
                if (check_ids(k, numbers, count, uuid) < 0)
                    return -1;
                count = 0;
            }
        }
    }
    if (check_count(k) < 0 || check_search(k, true) < 0)
        return -1;
    return check_search(k, false);
}

static int ensure_collection(struct kith *k)
{
    struct kith_collection c = {.name = COLLECTION, .dim = DIM, .metric = KITH_L2};
    int rc = kith_create(k, &c);
    if (rc == 0 || rc == -KITH_ALREADY_EXISTS)
        return 0;
    snprintf(failure, sizeof(failure), "create failed: %s", kith_error(k));
    return -1;
}

/* Answers that were on their way when the server died still count: the client has them. */
static void drain(struct kith *k)
{
    while (take_answer(k, 200000) > 0)
        ;
    failure[0] = 0;
}

static int finish_orderly(struct kith *k, struct server *s)
{
    while (kith_in_flight(k) > 0)
        if (take_answer(k, 60000000) <= 0) {
            if (!failure[0])
                snprintf(failure, sizeof(failure), "%zu writes were not answered within a minute", kith_in_flight(k));
            server_kill(s);
            return -1;
        }
    kith_close(k);
    int status = server_stop(s);
    if (status == 0)
        return 0;
    snprintf(failure, sizeof(failure), "kithd ended with status %d after SIGTERM", status);
    return -1;
}

static int run_round(const char *kithd, const char *dir, bool kill_it)
{
    const char *const growing_mib[] = {"1", "1", "4"};
    struct server s;
    struct kith *k;
    if (server_start(&s, kithd, dir, 1 + (unsigned)(random_next() % 3), growing_mib[random_next() % 3]) < 0) {
        snprintf(failure, sizeof(failure), "kithd did not start");
        return -1;
    }
    if (kith_open(s.address, &k, failure, sizeof(failure)) < 0) {
        server_kill(&s);
        server_forget(&s);
        return -1;
    }
    int rc = ensure_collection(k);
    if (rc == 0)
        rc = check_all(k);
    if (rc == 0)
        rc = load(k, 50000 + random_next() % 600000);
    if (rc == 0 && !kill_it)
        return finish_orderly(k, &s);
    server_kill(&s);
    if (rc == 0)
        drain(k);
    else
        server_print(&s);
    kith_close(k);
    server_forget(&s);
    return rc;
}

int main(int argc, char **argv)
{
    const char *kithd = NULL;
    unsigned rounds = 10;
    random_state = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kithd") == 0)
            kithd = argv[i + 1];
        else if (strcmp(argv[i], "--rounds") == 0)
            rounds = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            random_state = strtoull(argv[i + 1], NULL, 10);
    }
    if (!kithd) {
        fprintf(stderr, "usage: crash --kithd PATH [--rounds N] [--seed N]\n");
        return 2;
    }
    char dir[] = "/tmp/kith-crash-XXXXXX";
    if (!mkdtemp(dir)) {
        perror("mkdtemp");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%u\n", rounds);
    for (unsigned round = 1; round <= rounds; round++) {
        bool kill_it = round % 4 != 0;
        if (run_round(kithd, dir, kill_it) < 0) {
            printf("not ok %u - round %u: %s (data kept in %s)\n", round, round, failure, dir);
            return 1;
        }
        printf("ok %u - all acknowledged points are there; %s\n", round, kill_it ? "killed" : "stopped");
    }
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : 1;
}
