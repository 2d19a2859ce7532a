/* Tests an overloaded server: refusals say when to try again, deadlines are kept, and clients that
 * are slow or greedy take nothing from others. It runs on the simulator, because the tests need its
 * exact time. */
#include "client.h"
#include "harness.h"
#include "net/native/native.h"
#include "net/protocol.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(busy, .timeout = 300);

#define DIM    64
#define POINTS 600

static struct client opened(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    return c;
}

static struct client with_points(struct server *s)
{
    struct client c = opened(s);
    static float vectors[POINTS * DIM];
    static uint64_t ids[POINTS];
    for (uint32_t i = 0; i < POINTS * DIM; i++)
        vectors[i] = (float)(i * 2654435761u % 1009);
    for (uint32_t i = 0; i < POINTS; i++)
        ids[i] = i;
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(&c, "a", ids, POINTS, vectors, DIM), 0, "%s", c.error);
    return c;
}

struct ask {
    uint32_t queries, k, deadline_ms;
    bool exact, with_vectors, with_payloads;
};

static void send_search(struct client *c, uint64_t id, const struct ask *a)
{
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = a->k;
    search.exact = a->exact;
    search.with_vectors = a->with_vectors;
    search.with_payloads = a->with_payloads;
    size_t bytes = (size_t)a->queries * DIM * sizeof(float);
    float *q = calloc(1, bytes);
    for (size_t i = 0; i < (size_t)a->queries * DIM; i++)
        q[i] = (float)(i * 40503u % 997);
    cr_assert_eq(client_send(c, KITH_OP_SEARCH, id, a->deadline_ms, &search.base, q, bytes), 0);
    free(q);
}

static int search(struct client *c, const struct ask *a, struct client_reply *ret)
{
    send_search(c, 99, a);
    return client_receive(c, ret);
}

/* -- refusals -- */

static void refused(struct server *s)
{
    struct client c = with_points(s), other = opened(s);
    struct ask large = {.queries = 10000, .k = 5, .exact = true}, small = {.queries = 1, .k = 5};
    struct client_reply r;
    for (unsigned i = 0; i < s->cores[0]->reactors; i++) { /* as if other requests ran */
        struct admission_lane *l = &s->cores[i]->admission.lanes[ADMIT_BATCH];
        l->running += 2;
        l->running_ns += 5000000000;
    }
    uint64_t began_ns = clock_now_ns();
    cr_assert_eq(search(&c, &large, &r), CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED), "%s", c.error);
    cr_assert_lt(clock_now_ns() - began_ns, 1000000000, "the refusal must come at once");
    cr_assert(strstr(c.error, "the server is busy") && strstr(c.error, "repeat it in 2501 ms"), "%s", c.error);
    cr_assert_eq(c.retry_after_ms, 2501);
    client_reply_fini(&r);
    cr_assert_eq(search(&c, &small, &r), 0, "%s", c.error);
    client_reply_fini(&r);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++) {
        struct admission_lane *l = &s->cores[i]->admission.lanes[ADMIT_BATCH];
        l->running -= 2;
        l->running_ns -= 5000000000;
    }
    cr_assert_eq(search(&other, &large, &r), 0, "%s", other.error);
    client_reply_fini(&r);
    client_close(&c);
    client_close(&other);
}

Test(busy, a_refusal_says_when_to_come_again)
{
    harness_run(BACKEND_SIM, 1, refused);
    harness_run(BACKEND_SIM, 3, refused);
}

/* -- deadlines -- */

/* The deadline may come while a request scans, walks, merges or fetches. */
static void late(struct server *s)
{
    static const struct ask asks[] = {
        {.queries = 10000, .k = 5, .exact = true},
        {.queries = 10000, .k = 100},
        {.queries = 2000, .k = 500, .exact = true, .with_payloads = true},
        {.queries = 100, .k = 600, .with_vectors = true},
    };
    struct client c = with_points(s);
    /* simulated time passes only when fibers yield */
    sim_fault_rate(s->options.runtime.sim, FAULT_PREEMPT, 200000);
    unsigned in_time = 0, too_late = 0;
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        for (uint32_t deadline_ms = 1; deadline_ms <= 16; deadline_ms *= 4) {
            struct ask a = asks[i];
            struct client_reply r;
            a.deadline_ms = deadline_ms;
            uint64_t began_ns = clock_now_ns();
            int rc = search(&c, &a, &r);
            uint64_t took_ns = clock_now_ns() - began_ns;
            in_time += rc == 0;
            too_late += rc != 0;
            cr_assert(rc == 0 || rc == CLIENT_REFUSED(ERROR_DEADLINE_EXCEEDED) ||
                          rc == CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED),
                      "%d: %s", rc, c.error);
            if (rc < 0) /* a large answer that was ready in time may take longer to arrive */
                cr_assert_lt(took_ns, (deadline_ms + 5) * (uint64_t)1000000, "ask %u, deadline of %u ms: %llu ns", i,
                             deadline_ms, (unsigned long long)took_ns);
            client_reply_fini(&r);
        }
    cr_assert_gt(too_late, 0);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(busy, a_request_ends_soon_after_its_deadline_in_every_stage)
{
    harness_run(BACKEND_SIM, 1, late);
    harness_run(BACKEND_SIM, 2, late);
}

/* -- clients that do not read -- */

#define SHARE ((uint64_t)8 << 20)

/* The bytes of all requests in memory. Asserts that each admitted request uses at most the bytes
 * that were counted for it, and at least 80 % of them. */
static uint64_t bytes_held(struct server *s)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        for (struct native *n = ((struct front *)s->cores[i]->front)->natives; n; n = n->next)
            for (struct request *rq = n->session.requests; rq; rq = rq->next) {
                uint64_t used = rq->arena.used + rq->bulk.used + rq->answer.used;
                bytes += request_bytes(rq);
                if (rq->ticket.bytes == 0 || rq->ticket.running)
                    continue;
                cr_assert_leq(used, rq->bytes + 4096, "%llu bytes are used, %llu were counted",
                              (unsigned long long)used, (unsigned long long)rq->bytes);
                cr_assert_geq(used + used / 4, rq->bytes, "%llu bytes are used, %llu were counted",
                              (unsigned long long)used, (unsigned long long)rq->bytes);
            }
    return bytes;
}

static void deaf(struct server *s)
{
    struct client c = with_points(s), other = opened(s);
    struct ask large = {.queries = 8, .k = POINTS, .with_vectors = true}; /* 1.2 MB of vectors */
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        s->cores[i]->admission.bytes_max = 4 * SHARE;
    for (uint64_t i = 0; i < 200; i++)
        send_search(&c, i, &large);
    uint64_t most = 0, until_ns = clock_now_ns() + 60000000000;
    while (clock_now_ns() < until_ns) {
        struct client_reply r;
        most = bytes_held(s) > most ? bytes_held(s) : most;
        /* the memory of other connections is not taken */
        cr_assert_eq(search(&other, &large, &r), 0, "%s", other.error);
        client_reply_fini(&r);
        fiber_sleep_ns(100000000);
    }
    /* one share for each of the two clients */
    cr_assert_lt(most, 2 * SHARE, "%llu bytes", (unsigned long long)most);
    uint64_t held = bytes_held(s);
    cr_assert_eq(held, 0, "the connection was dropped, but %llu bytes are held", (unsigned long long)held);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        cr_assert_eq(s->cores[i]->admission.bytes, 0);
    client_close(&c);
    client_close(&other);
}

Test(busy, a_client_that_does_not_read_is_paused_and_then_dropped)
{
    harness_run(BACKEND_SIM, 1, deaf);
    harness_run(BACKEND_SIM, 2, deaf);
}

#define LISTED     500
#define NAME_BYTES 120
#define DEAF       24
#define DEAF_HTTP  8
#define ASKED      20

static void create_many(struct client *c)
{
    char name[NAME_BYTES + 1];
    for (unsigned i = 0; i < LISTED; i++) {
        memset(name, 'x', NAME_BYTES);
        snprintf(name + NAME_BYTES - 8, 9, "%08u", i);
        cr_assert_eq(client_create(c, name, 4, KITH__METRIC__METRIC_L2), 0, "%s", c->error);
    }
}

static void ask_for_lists(struct client *c)
{
    Kith__ListCollections list = KITH__LIST_COLLECTIONS__INIT;
    Kith__GetStats stats = KITH__GET_STATS__INIT;
    stats.with_collections = true;
    for (uint64_t i = 0; i < ASKED; i += 2) {
        cr_assert_eq(client_send(c, KITH_OP_STATS, i, 0, &stats.base, NULL, 0), 0);
        cr_assert_eq(client_send(c, KITH_OP_LIST, i + 1, 0, &list.base, NULL, 0), 0);
    }
}

static struct connection *ask_for_metrics(struct server *s)
{
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    struct connection *c;
    struct slice slices[ASKED];
    for (unsigned i = 0; i < ASKED; i++)
        slices[i] = (struct slice){ask, sizeof(ask) - 1};
    cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &c), 0);
    cr_assert_eq(connection_send(c, slices, ASKED, 0), 0);
    return c;
}

static uint64_t most_held(struct server *s, uint64_t for_ns)
{
    uint64_t most = 0;
    for (const uint64_t until_ns = clock_now_ns() + for_ns; clock_now_ns() < until_ns; fiber_sleep_ns(2000000)) {
        uint64_t held = bytes_held(s);
        for (unsigned i = 0; i < s->cores[0]->reactors; i++)
            held += protocol_http.memory(s->cores[i]->front);
        most = held > most ? held : most;
    }
    return most;
}

/* Clients ask for hundreds of answers of 80 KiB and texts of 2 MiB and read none. */
static void deaf_to_lists(struct server *s)
{
    struct client c = opened(s);
    static struct client deaf[DEAF];
    struct connection *https[DEAF_HTTP];
    create_many(&c);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        s->cores[i]->admission.bytes_max = SHARE;
    for (unsigned i = 0; i < DEAF; i++) {
        deaf[i] = opened(s);
        ask_for_lists(&deaf[i]);
    }
    for (unsigned i = 0; i < DEAF_HTTP && net_has_http(); i++)
        https[i] = ask_for_metrics(s);
    const uint64_t most = most_held(s, 3000000000), small = DEAF * ASKED * ((uint64_t)32 << 10);
    cr_assert_leq(most, s->cores[0]->reactors * SHARE + small, "%llu bytes", (unsigned long long)most);
    cr_assert_eq(client_ping(&c), 0);
    fiber_sleep_ns(200000000000); /* the server drops one connection after the other */
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        cr_assert_eq(s->cores[i]->admission.bytes + s->cores[i]->admission.small_bytes, 0);
    for (unsigned i = 0; i < DEAF; i++)
        client_close(&deaf[i]);
    for (unsigned i = 0; i < DEAF_HTTP && net_has_http(); i++)
        connection_close(https[i]);
    client_close(&c);
}

Test(busy, unread_lists_keep_to_their_memory)
{
    harness_run(BACKEND_SIM, 1, deaf_to_lists);
    harness_run(BACKEND_SIM, 2, deaf_to_lists);
}

/* -- clients that send or read slowly -- */

#define SLOW 60

static struct kith_frame_header upsert_header(uint64_t block_bytes)
{
    return (struct kith_frame_header){KITH_MAGIC, KITH_OP_UPSERT, 0, 7, 16, 0, block_bytes};
}

static void upsert_some(void *arg)
{
    struct server *s = arg;
    struct client c = opened(s);
    static float vectors[10000 * DIM];
    static uint64_t ids[10000];
    for (uint32_t i = 0; i < 10000; i++)
        ids[i] = i;
    cr_assert_eq(client_upsert(&c, "a", ids, 10000, vectors, DIM), 0, "%s", c.error);
    client_close(&c);
    s->options.arg = NULL;
}

/* SLOW clients begin a frame of 40 MiB each and send a byte a second. The upsert of another client,
 * of 2.5 MiB, must not wait for them. */
static void slow_uploaders(struct server *s)
{
    struct client c = with_points(s);
    static struct client slow[SLOW];
    const struct kith_frame_header h = upsert_header((uint64_t)40 << 20);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        s->cores[i]->frames.bytes = (uint64_t)50 << 20;
    for (unsigned i = 0; i < SLOW; i++) {
        slow[i] = opened(s);
        cr_assert_eq(client_send_bytes(&slow[i], &h, sizeof(h)), 0);
    }
    fiber_sleep_ns(100000000);
    uint64_t began_ns = clock_now_ns();
    void *was = s->options.arg;
    s->options.arg = s;
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, upsert_some, s, "client"), 0);
    while (s->options.arg) {
        for (unsigned i = 0; i < SLOW; i++)
            ignore_result(client_send_bytes(&slow[i], "", 1));
        cr_assert_lt(clock_now_ns() - began_ns, 10000000000, "the upsert waits for clients that send nothing");
        fiber_sleep_ns(1000000000);
    }
    s->options.arg = was;
    for (unsigned i = 0; i < SLOW; i++)
        client_close(&slow[i]);
    fiber_sleep_ns(1000000000);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        for (unsigned r = 0; r < BYTE_RANKS; r++)
            cr_assert_eq(s->cores[i]->frames.held[r], 0);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(busy, a_client_that_sends_slowly_delays_no_other)
{
    harness_run(BACKEND_SIM, 1, slow_uploaders);
    harness_run(BACKEND_SIM, 2, slow_uploaders);
}

/* Frames of less than 64 KiB fill the memory for frames together. While other requests wait for
 * memory, a connection that sends a byte a second gets an error and is closed. */
static void slow_small_uploaders(struct server *s)
{
    struct client c = with_points(s);
    static struct client slow[SLOW];
    const struct kith_frame_header h = upsert_header((uint64_t)60 << 10);
    uint64_t held = 0;
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        s->cores[i]->frames.bytes = (uint64_t)1 << 20;
    for (unsigned i = 0; i < SLOW; i++) {
        slow[i] = opened(s);
        cr_assert_eq(client_send_bytes(&slow[i], &h, sizeof(h)), 0);
    }
    fiber_sleep_ns(100000000);
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        held += byte_pool_held(&s->cores[i]->frames);
    cr_assert_gt(held, (uint64_t)512 << 10);
    for (unsigned second = 0; second < 50; second++, fiber_sleep_ns(1000000000))
        for (unsigned i = 0; i < SLOW; i++)
            ignore_result(client_send_bytes(&slow[i], "", 1));
    cr_assert_eq(client_receive(&slow[0], &(struct client_reply){0}), CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED));
    cr_assert(strstr(slow[0].error, "other requests wait for its memory"), "%s", slow[0].error);
    for (unsigned i = 0; i < SLOW; i++)
        client_close(&slow[i]);
    fiber_sleep_ns(1000000000);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(busy, a_client_that_sends_small_frames_slowly_is_dropped)
{
    harness_run(BACKEND_SIM, 1, slow_small_uploaders);
    harness_run(BACKEND_SIM, 2, slow_small_uploaders);
}

/* Reading 1.2 MB at 16 KiB a second takes more than a minute. */
static void slow_reader(struct server *s)
{
    struct client c = with_points(s);
    static uint8_t piece[4096];
    struct ask large = {.queries = 8, .k = POINTS, .with_vectors = true};
    const size_t all = (size_t)8 * POINTS * DIM * sizeof(float);
    send_search(&c, 5, &large);
    for (size_t got = 0; got < all;) {
        int64_t n = connection_receive(c.connection, piece, sizeof(piece), 0);
        cr_assert_gt(n, 0, "ended after %zu bytes", got);
        got += (size_t)n;
        fiber_sleep_ns(250000000);
    }
    client_close(&c);
}

Test(busy, a_client_that_reads_slowly_and_steadily_gets_its_answer)
{
    harness_run(BACKEND_SIM, 1, slow_reader);
}

/* -- too many connections -- */

static void crowd(struct server *s)
{
    struct client a = opened(s), b = opened(s), c;
    for (unsigned i = 0; i < s->cores[0]->reactors; i++)
        s->cores[i]->settings.connections = 2;
    int rc = client_open(&c, server_port(s, PROTOCOL_NATIVE));
    cr_assert_eq(rc, CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED), "%d", rc);
    cr_assert(strstr(c.error, "2 connections") && strstr(c.error, "the setting connections"), "%s", c.error);
    cr_assert_eq(client_ping(&a), 0);
    client_close(&b);
    fiber_sleep_ns(1000000000);
    c = opened(s);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&a);
    client_close(&c);
}

Test(busy, one_connection_too_many_is_refused_with_the_reason)
{
    harness_run(BACKEND_SIM, 1, crowd);
    harness_run(BACKEND_SIM, 2, crowd);
}

/* -- many connections that send as many requests as they may -- */

#define FLOODERS 40

/* The number of requests in memory. */
static unsigned requests_of(const struct core *c)
{
    const struct front *f = c->front;
    unsigned n = 0;
    for (const struct native *one = f->natives; one; one = one->next)
        n += one->session.count;
    return n;
}

static void send_pings(struct client *c)
{
    static uint8_t pings[200 * KITH_HEADER_BYTES];
    for (unsigned i = 0; i < 200; i++) {
        const struct kith_frame_header h = {.magic = KITH_MAGIC, .op = KITH_OP_PING, .request_id = i + 1000};
        memcpy(pings + i * KITH_HEADER_BYTES, &h, sizeof(h));
    }
    cr_assert_eq(client_send_bytes(c, pings, sizeof(pings)), 0);
}

static void flooded(struct server *s)
{
    static struct client flood[FLOODERS];
    struct core *c = s->cores[0];
    struct client other = opened(s);
    unsigned most = 0;
    session_places_resize(&c->places, 0);
    cr_assert_eq(c->places.most, SESSION_PLACES_MIN);
    for (unsigned i = 0; i < FLOODERS; i++)
        cr_assert_eq(client_open(&flood[i], server_port(s, PROTOCOL_NATIVE)), 0);
    for (unsigned i = 0; i < FLOODERS; i++) {
        send_pings(&flood[i]);
        const unsigned now = requests_of(c);
        most = now > most ? now : most;
        cr_assert_eq(client_ping(&other), 0);
    }
    cr_assert_leq(most, SESSION_PLACES_MIN + FLOODERS + 1);
    for (unsigned i = 0; i < FLOODERS; i++)
        for (unsigned j = 0; j < 200; j++) {
            struct client_reply r;
            cr_assert_eq(client_receive(&flood[i], &r), 0);
            client_reply_fini(&r);
        }
    for (unsigned i = 0; i < FLOODERS; i++)
        client_close(&flood[i]);
    cr_assert_eq(client_ping(&other), 0);
    client_close(&other);
    while (requests_of(c) > 0)
        fiber_sleep_ns(1000000);
    cr_assert_eq(c->places.left, c->places.most);
}

Test(busy, connections_that_send_all_they_may_share_a_number_of_places)
{
    harness_run(BACKEND_SIM, 1, flooded);
}
