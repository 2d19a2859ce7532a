/* A client that comes while a server still reads its log: it is told so, and how far that is, until it is served. */
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
    cr_assert_eq(client_open(&c, s->port), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    for (int i = 0; i < 10; i++) /* a log worth reading, of which little counts */
        cr_assert_eq(client_upsert(&c, "a", ids, COUNT, vectors, DIM), 0, "%s", c.error);
    client_close(&c);
    server_stop(s);
}

/* Asks again and again, from when the port is open. */
static void ask(void *arg)
{
    struct server *s = arg;
    struct client c;
    uint64_t count = 0;
    int rc = client_open(&c, s->port);
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

typedef void (*event_fn)(struct server *s, void *arg);

static void serve(event_fn on_listening, event_fn on_ready)
{
    struct server_options options = {
        .data = "data",
        .host = "127.0.0.1",
        .http_host = "127.0.0.1",
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
    cr_assert_eq(rc, 0, "the server said: %s", error.text);
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
