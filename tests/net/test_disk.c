/* Tests a whole server on the simulator while its disk fills up, fails and recovers, with restarts
 * in between. Upserts are refused, searches and deletions go on, and the server recovers by itself
 * with all acknowledged points. */
#include "actors/server.h"
#include "base/log.h"
#include "client.h"
#include "gpu/gpu.h"
#include "net/front.h"
#include "reactor/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM   16
#define BATCH 50

typedef void (*scenario_fn)(struct server *s, struct client *c);

static struct sim *sim;
static uint64_t written; /* ids 0 .. written-1 are acknowledged */
static uint64_t erased;  /* ids 0 .. erased-1 are deleted */
static unsigned spaces;  /* lines of the log that say the right space that is needed */

static void quiet(enum log_level level, const char *line, void *arg)
{
    char text[80];
    /* the reserve, and a log file of each core */
    snprintf(text, sizeof(text), "of free space, and new data need %u KiB: ", 256 + 64 * reactor_count());
    spaces += strstr(line, text) != NULL;
}

static void on_ready(struct server *s, void *arg)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    (*(scenario_fn *)arg)(s, &c);
    client_close(&c);
    server_stop(s);
}

static int try_serve(unsigned reactors, scenario_fn scenario, struct error *error)
{
    log_set_sink(quiet, NULL);
    struct server_options options = {
        .data = "data",
        .listeners = {{PROTOCOL_NATIVE, "127.0.0.1", 0}, {PROTOCOL_HTTP, "127.0.0.1", 0}},
        .listener_count = 2,
        .growing_bytes = 256 << 10,
        .runtime = {.backend = BACKEND_SIM, .reactors = reactors, .sim = sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .arg = &scenario,
    };
    struct server *s;
    cr_assert_eq(server_create(&options, &s), 0);
    int rc = server_run(s, error);
    server_destroy(s);
    return rc;
}

static void serve(unsigned reactors, scenario_fn scenario)
{
    struct error error = {0};
    int rc = try_serve(reactors, scenario, &error);
    cr_assert_eq(rc, 0, "the server ended with: %s", error.text);
}

/* -- what a client does -- */

static void vector_of(uint64_t id, float *v)
{
    for (unsigned d = 0; d < DIM; d++)
        v[d] = (float)((id * 31 + d * 17) % 1009);
}

static int write_batch(struct client *c)
{
    static uint64_t ids[BATCH];
    static float vectors[BATCH * DIM];
    for (uint64_t i = 0; i < BATCH; i++) {
        ids[i] = written + i;
        vector_of(ids[i], vectors + i * DIM);
    }
    int rc = client_upsert(c, "a", ids, BATCH, vectors, DIM);
    written += rc == 0 ? BATCH : 0;
    return rc;
}

static int erase(struct client *c, uint64_t n)
{
    uint64_t ids[100], deleted;
    for (uint64_t i = 0; i < n; i++)
        ids[i] = erased + i;
    int rc = client_delete(c, "a", ids, (uint32_t)n, &deleted);
    erased += rc == 0 ? n : 0;
    return rc;
}

/* Asserts that every acknowledged point is there with its vector, and no deleted one. A refused
 * batch may be there in part. */
static void expect_all(struct client *c)
{
    for (uint64_t id = 0; id < written; id += 7) {
        uint64_t found = 0;
        float is[DIM], wanted[DIM];
        uint32_t count = 0;
        cr_assert_eq(client_get(c, "a", &id, 1, DIM, &found, is, &count), 0);
        cr_assert_eq(count, id >= erased, "id %d of %d, %d erased", (int)id, (int)written, (int)erased);
        vector_of(id, wanted);
        if (count)
            cr_assert_arr_eq(is, wanted, sizeof(wanted));
    }
    uint64_t count, hit = 0;
    cr_assert_eq(client_count(c, "a", &count), 0);
    cr_assert(count >= written - erased && count <= written - erased + BATCH);
    float query[DIM], score;
    uint32_t n;
    vector_of(written - 1, query);
    cr_assert_eq(client_search(c, "a", query, DIM, 1, true, &hit, &score, &n), 0);
    cr_assert(n == 1 && score == 0);
}

/* Asserts that an HTTP page, which monitoring reads, contains the text or does not. */
static void expect_page(struct server *s, const char *path, const char *text, bool there)
{
    if (!net_has_http())
        return;
    static char answer[65536];
    struct connection *http;
    char request[80];
    size_t n = 0;
    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &http), 0);
    struct slice slice = {request, strlen(request)};
    cr_assert_eq(connection_send(http, &slice, 1, 0), 0);
    int64_t got;
    while ((got = connection_receive(http, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
        n += (size_t)got;
    answer[n] = 0;
    connection_close(http);
    cr_assert_eq(strstr(answer, text) != NULL, there, "%s: %s", path, answer);
}

static void expect_read_only(struct server *s, struct client *c, enum error_code code, const char *name,
                             const char *sentence)
{
    cr_assert_eq(write_batch(c), CLIENT_REFUSED(code), "%s", c->error);
    cr_assert(strstr(c->error, sentence) && strstr(c->error, "data"), "%s", c->error);
    cr_assert_eq(client_create(c, "another", 3, KITH__METRIC__METRIC_L2), CLIENT_REFUSED(code));
    char text[80];
    expect_page(s, "/readyz", "200 OK", true);
    snprintf(text, sizeof(text), "read-only (%s): ", name);
    expect_page(s, "/readyz", text, true);
    snprintf(text, sizeof(text), "kith_read_only{reason=\"%s\"} 1\n", name);
    expect_page(s, "/metrics", text, true);
    expect_all(c);
}

static void expect_recovery(struct client *c)
{
    unsigned seconds = 0;
    while (write_batch(c) != 0 && seconds++ < 120)
        fiber_sleep_ns(1000000000);
    cr_assert(seconds < 120, "%s", c->error);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(write_batch(c), 0, "%s", c->error);
    expect_all(c);
}

static void begin(struct server *s, struct client *c)
{
    cr_assert_eq(client_create(c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_create(c, "b", DIM, KITH__METRIC__METRIC_L2), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(write_batch(c), 0, "%s", c->error);
}

/* -- a disk that fills up -- */

static void leave_space(uint64_t bytes)
{
    const uint64_t much = (uint64_t)1 << 40;
    sim_disk_limit(sim, much);
    int64_t space = directory_space("data");
    cr_assert(space > 0);
    sim_disk_limit(sim, much - (uint64_t)space + bytes);
}

static void fill_up(struct server *s, struct client *c)
{
    begin(s, c);
    leave_space(100 << 10);
    int rc = 0;
    for (int i = 0; i < 2000 && rc == 0; i++)
        rc = write_batch(c);
    cr_assert_eq(rc, CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED), "%s", c->error);
    fiber_sleep_ns(5000000000);
    expect_read_only(s, c, ERROR_RESOURCE_EXHAUSTED, "disk_full", "is full");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(erase(c, 100), 0, "%s", c->error);
    cr_assert_eq(client_drop(c, "b"), 0, "%s", c->error);
    expect_read_only(s, c, ERROR_RESOURCE_EXHAUSTED, "disk_full", "is full");
}

static void start_full(struct server *s, struct client *c)
{
    expect_read_only(s, c, ERROR_RESOURCE_EXHAUSTED, "disk_full", "is full");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(erase(c, 100), 0, "%s", c->error);
}

static void space_again(struct server *s, struct client *c)
{
    expect_read_only(s, c, ERROR_RESOURCE_EXHAUSTED, "disk_full", "is full");
    sim_disk_limit(sim, 0);
    expect_recovery(c);
    expect_page(s, "/metrics", "kith_read_only{reason=\"disk_full\"} 0\n", true);
    expect_page(s, "/readyz", "read-only", false);
}

static void look(struct server *s, struct client *c)
{
    expect_all(c);
    cr_assert_eq(write_batch(c), 0, "%s", c->error);
}

static void with_simulator(uint64_t seed)
{
    cr_assert_eq(sim_create(seed, &sim), 0);
    written = erased = spaces = 0;
}

Test(disk, full_it_refuses_writes_takes_deletions_and_comes_back)
{
    for (unsigned reactors = 1; reactors <= 3; reactors++) {
        with_simulator(reactors);
        serve(reactors, fill_up);
        cr_assert_eq(spaces, 1);
        serve(reactors, start_full);
        cr_assert_eq(spaces, 2, "a start on a full disk says it once, too");
        serve(reactors, space_again);
        serve(reactors, look);
        sim_destroy(sim);
    }
}

static void write_one(struct server *s, struct client *c)
{
    cr_assert_eq(client_create(c, "a", DIM, KITH__METRIC__METRIC_L2), 0, "%s", c->error);
    cr_assert_eq(write_batch(c), 0, "%s", c->error);
}

Test(disk, a_new_folder_needs_as_much_as_writes_do)
{
    struct error error = {0};
    with_simulator(1);
    sim_disk_limit(sim, (256 + 2 * 64 - 1) << 10);
    cr_assert_lt(try_serve(2, write_one, &error), 0);
    cr_assert(strstr(error.text, "has 383 KiB left and a new data folder needs 384 KiB; free some"), "%s", error.text);
    sim_disk_limit(sim, (256 + 2 * 64 + 4) << 10);
    serve(2, write_one);
    sim_destroy(sim);
}

/* -- a disk that fails -- */

static enum sim_fault fault;

static void fail_and_mend(struct server *s, struct client *c)
{
    sim_fault_rate(sim, fault, 1000000);
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = write_batch(c);
    cr_assert_eq(rc, CLIENT_REFUSED(ERROR_IO), "%s", c->error);
    fiber_sleep_ns(3000000000);
    expect_read_only(s, c, ERROR_IO, "disk_error", "cannot be written");
    cr_assert_eq(erase(c, 10), CLIENT_REFUSED(ERROR_IO));
    sim_fault_rate(sim, fault, 0);
    expect_recovery(c);
    cr_assert_eq(erase(c, 10), 0, "%s", c->error);
}

static void begin_and_fail(struct server *s, struct client *c)
{
    begin(s, c);
    for (int i = 0; i < 3; i++)
        fail_and_mend(s, c);
}

Test(disk, failing_it_refuses_writes_and_comes_back)
{
    static const enum sim_fault faults[] = {FAULT_FLUSH_ERROR, FAULT_WRITE_ERROR};
    for (unsigned i = 0; i < 6; i++) {
        with_simulator(i);
        fault = faults[i % 2];
        serve(1 + i / 2, begin_and_fail);
        serve(1 + i / 2, look);
        serve(2, look);
        sim_destroy(sim);
    }
}
