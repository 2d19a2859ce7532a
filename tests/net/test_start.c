/* Tests clients that connect while a server still reads its log. Until the log is read, requests
 * are refused with the progress. Clean collections answer earlier. */
#include "actors/server.h"
#include "base/log.h"
#include "client.h"
#include "gpu/gpu.h"
#include "net/front.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM   256
#define COUNT 1000

static struct sim *sim;
static unsigned refused, reading;
static bool served;

static void quiet(enum log_level level, const char *line, void *arg)
{
}

static void write_points(struct server *s, void *arg)
{
    struct client c;
    static uint64_t ids[COUNT];
    static float vectors[COUNT * DIM];
    for (uint64_t i = 0; i < COUNT; i++) {
        ids[i] = i;
        vectors[i * DIM] = (float)i;
    }
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    for (int i = 0; i < 10; i++) /* makes a long log, most of whose records are outdated */
        cr_assert_eq(client_upsert(&c, "a", ids, COUNT, vectors, DIM), 0, "%s", c.error);
    client_close(&c);
    server_stop(s);
}

/* Sends requests again and again, from the moment that the port is open. */
static void ask(void *arg)
{
    struct server *s = arg;
    struct client c;
    uint64_t count = 0;
    int rc = client_open(&c, server_port(s, PROTOCOL_NATIVE));
    cr_assert_eq(rc, 0);
    while ((rc = client_count(&c, "a", &count)) == CLIENT_REFUSED(ERROR_UNAVAILABLE)) {
        refused++;
        cr_assert(strstr(c.error, "the server is starting"), "%s", c.error);
        reading += strstr(c.error, " % of the log is read (") && strstr(c.error, "repeat the request in about ");
        cr_assert_eq(client_ping(&c), 0);
        fiber_sleep_ns(20000);
    }
    cr_assert_eq(rc, 0, "%s", c.error);
    cr_assert_eq(count, COUNT);
    client_close(&c);
    served = true;
}

static void start_asking(struct server *s, void *arg)
{
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, ask, s, "client"), 0);
}

static void wait_for_client(struct server *s, void *arg)
{
    while (!served)
        fiber_sleep_ns(1000000);
    server_stop(s);
}

/* -- one collection is clean, the other is not -- */

static unsigned answered;

static void seal(struct client *c, const char *name)
{
    Kith__Seal ask = KITH__SEAL__INIT;
    ask.collection = (char *)(uintptr_t)name;
    cr_assert_eq(client_call(c, KITH_OP_SEAL, &ask.base, NULL, 0, NULL), 0, "%s", c->error);
}

static void write_and_rest(struct server *s, void *arg)
{
    struct client c;
    const uint64_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static float vectors[8 * DIM];
    uint64_t deleted;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "calm", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_create(&c, "empty", DIM, KITH__METRIC__METRIC_L2), 0);
    for (unsigned i = 0; i < 8; i++)
        vectors[i * DIM] = (float)i;
    cr_assert_eq(client_upsert(&c, "calm", ids, 8, vectors, DIM), 0, "%s", c.error);
    seal(&c, "calm");
    cr_assert_eq(client_delete(&c, "calm", ids, 1, &deleted), 0);
    seal(&c, "calm"); /* the deletion */
    client_close(&c);
    write_points(s, NULL); /* stops it */
}

static void expect_calm(struct client *c)
{
    uint64_t count, hits[8];
    float query[DIM] = {0}, scores[8];
    uint32_t n;
    cr_assert_eq(client_count(c, "calm", &count), 0, "%s", c->error);
    cr_assert_eq(count, 7);
    cr_assert_eq(client_search(c, "calm", query, DIM, 8, true, hits, scores, &n), 0, "%s", c->error);
    cr_assert(n == 7 && hits[0] == 2 && scores[0] == 1);
    cr_assert_eq(client_count(c, "empty", &count), 0, "%s", c->error);
    cr_assert_eq(count, 0);
    cr_assert_eq(client_count(c, "none", &count), CLIENT_REFUSED(ERROR_NOT_FOUND));
}

static void expect_refusals(struct client *c)
{
    const uint64_t id = 1;
    static float vector[DIM];
    uint64_t deleted;
    cr_assert_eq(client_upsert(c, "calm", &id, 1, vector, DIM), CLIENT_REFUSED(ERROR_UNAVAILABLE));
    cr_assert(strstr(c->error, "the server is starting"), "%s", c->error);
    cr_assert_eq(client_delete(c, "calm", &id, 1, &deleted), CLIENT_REFUSED(ERROR_UNAVAILABLE));
    cr_assert_eq(client_create(c, "new", DIM, KITH__METRIC__METRIC_L2), CLIENT_REFUSED(ERROR_UNAVAILABLE));
    cr_assert_eq(client_drop(c, "calm"), CLIENT_REFUSED(ERROR_UNAVAILABLE));
}

static void expect_page(struct server *s)
{
    static char answer[4096];
    struct connection *c;
    size_t size = 0;
    int64_t n;
    const char ask[] = "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct slice slice = {(void *)(uintptr_t)ask, sizeof(ask) - 1};
    if (!net_has_http())
        return;
    cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &c), 0);
    cr_assert_eq(connection_send(c, &slice, 1, 0), 0);
    while ((n = connection_receive(c, answer + size, sizeof(answer) - 1 - size, 0)) > 0)
        size += (size_t)n;
    answer[size] = 0;
    connection_close(c);
    cr_assert(strstr(answer, " 503 ") && strstr(answer, "\n2 of 3 collections can be read already\n"), "%s", answer);
}

static void read_early(void *arg)
{
    struct server *s = arg;
    struct client c;
    uint64_t count;
    int rc;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    while ((rc = client_count(&c, "calm", &count)) == CLIENT_REFUSED(ERROR_UNAVAILABLE))
        fiber_sleep_ns(20000);
    cr_assert_eq(rc, 0, "%s", c.error);
    for (; server_core(s)->state == CORE_READING; answered++) {
        expect_calm(&c);
        rc = client_count(&c, "a", &count);
        cr_assert(rc == CLIENT_REFUSED(ERROR_UNAVAILABLE) || (rc == 0 && server_core(s)->state == CORE_SERVING));
        if (answered == 0) {
            expect_page(s);
            expect_refusals(&c);
        }
    }
    expect_calm(&c);
    client_close(&c);
    served = true;
}

static void start_reading(struct server *s, void *arg)
{
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, read_early, s, "client"), 0);
}

/* -- a stop in the middle -- */

static void stop_when_reading(void *arg)
{
    struct server *s = arg;
    while (server_core(s)->state != CORE_READING)
        fiber_sleep_ns(10000);
    fiber_sleep_ns(200000);
    cr_assert_eq(server_core(s)->state, CORE_READING);
    server_stop(s);
}

static void start_stopping(struct server *s, void *arg)
{
    cr_assert_eq(fiber_start(CLASS_WRITE, stop_when_reading, s, "stop"), 0);
}

static void not_expected(struct server *s, void *arg)
{
    cr_assert(false, "a server that was told to stop must not become ready");
}

typedef void (*event_fn)(struct server *s, void *arg);

static void serve(event_fn on_listening, event_fn on_ready)
{
    struct server_options options = {
        .data = "data",
        .listeners = {{PROTOCOL_NATIVE, "127.0.0.1", 0}, {PROTOCOL_HTTP, "127.0.0.1", 0}},
        .listener_count = 2,
        .growing_bytes = 32 << 20,
        .runtime = {.backend = BACKEND_SIM, .reactors = 2, .sim = sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .on_listening = on_listening,
    };
    struct server *s;
    struct error error = {0};
    cr_assert_eq(server_create(&options, &s), 0);
    int rc = server_run(s, &error);
    cr_assert_eq(rc, 0, "the server ended with: %s", error.text);
    server_destroy(s);
}

Test(start, a_client_that_comes_early_hears_how_far_the_log_is_read)
{
    log_set_sink(quiet, NULL);
    cr_assert_eq(sim_create(3, &sim), 0);
    serve(NULL, write_points);
    serve(start_asking, wait_for_client);
    cr_assert(served && refused > 0 && reading > 0, "%u refusals, %u of them while the log was read", refused, reading);
    sim_destroy(sim);
}

Test(start, collections_at_rest_are_read_while_the_log_of_others_is)
{
    log_set_sink(quiet, NULL);
    cr_assert_eq(sim_create(3, &sim), 0);
    serve(NULL, write_and_rest);
    serve(start_reading, wait_for_client);
    cr_assert(served && answered > 1, "answered %u times", answered);
    sim_destroy(sim);
}

Test(start, a_stop_ends_a_start_while_the_log_is_read)
{
    log_set_sink(quiet, NULL);
    cr_assert_eq(sim_create(3, &sim), 0);
    serve(NULL, write_points);
    serve(start_stopping, not_expected);
    serve(start_asking, wait_for_client); /* the next start finds everything */
    sim_destroy(sim);
}
