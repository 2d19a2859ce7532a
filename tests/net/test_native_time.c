/* Tests deadlines, cancelling, timeouts and the end of a server. Tests of deadlines and cancelling
 * need work that takes time, so they run on this machine. Tests of timeouts are simulated, so that
 * minutes pass at once. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

static int send_large_search(struct client *c, uint64_t id, uint32_t deadline_ms, uint32_t queries)
{
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"large";
    search.k = 10;
    search.exact = true;
    float *q = calloc(queries, 16);
    int rc = client_send(c, KITH_OP_SEARCH, id, deadline_ms, &search.base, q, queries * 16);
    free(q);
    return rc;
}

static struct client with_large_collection(struct server *s)
{
    struct client c = opened(s);
    fill_collection(&c, "large", 3000);
    return c;
}

static void expect_answer(struct client *c, uint64_t id, enum error_code code)
{
    struct client_reply r;
    int rc = client_receive(c, &r);
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert_eq(r.header.request_id, id);
    client_reply_fini(&r);
}

static void deadline(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 77, 1, 10000), 0);
    expect_answer(&c, 77, ERROR_DEADLINE_EXCEEDED);
    cr_assert(strstr(c.error, "1 ms"));
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(native_time, a_deadline_that_passes_is_told)
{
    harness_run(BACKEND_AUTO, 1, deadline);
    harness_run(BACKEND_AUTO, 2, deadline);
}

static void cancel(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 78, 0, 10000), 0);
    cr_assert_eq(client_send(&c, KITH_OP_CANCEL, 78, 0, NULL, NULL, 0), 0);
    expect_answer(&c, 78, ERROR_CANCELLED);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(native_time, a_cancelled_request_is_given_up)
{
    harness_run(BACKEND_AUTO, 1, cancel);
    harness_run(BACKEND_AUTO, 2, cancel);
}

static void silence(struct server *s)
{
    struct client quiet, half, idle = opened(s);
    cr_assert_eq(client_connect(&quiet, server_port(s, PROTOCOL_NATIVE)), 0);
    uint64_t began_ns = clock_now_ns();
    char byte;
    cr_assert_leq(connection_receive(quiet.connection, &byte, 1, 0), 0);
    cr_assert_geq(clock_now_ns() - began_ns, 9000000000ull);
    client_close(&quiet);

    half = opened(s);
    began_ns = clock_now_ns();
    cr_assert_eq(client_send_bytes(&half, "KITH\2\0", 6), 0);
    cr_assert_leq(connection_receive(half.connection, &byte, 1, 0), 0);
    cr_assert_geq(clock_now_ns() - began_ns, 29000000000ull);
    client_close(&half);

    fiber_sleep_ns(3600000000000ull);
    cr_assert_eq(client_ping(&idle), 0, "an idle connection must stay open");
    client_close(&idle);
}

/* A hello of 10 bytes of meta, one of which comes now and then. */
static void slow_hello(struct server *s)
{
    struct client slow;
    cr_assert_eq(client_connect(&slow, server_port(s, PROTOCOL_NATIVE)), 0);
    const uint64_t began_ns = clock_now_ns();
    char byte, header[KITH_HEADER_BYTES] = "KITH\1";
    header[16] = 10;
    int rc = client_send_bytes(&slow, header, sizeof(header));
    for (int i = 0; i < 9 && rc == 0; i++) {
        fiber_sleep_ns(4000000000);
        rc = client_send_bytes(&slow, "\x08", 1);
    }
    cr_assert_leq(connection_receive(slow.connection, &byte, 1, 0), 0);
    const uint64_t lasted_ns = clock_now_ns() - began_ns;
    cr_assert(lasted_ns < 17000000000ull, "the connection lasted %.1f s", (double)lasted_ns / 1e9);
    client_close(&slow);
}

Test(native_time, a_hello_has_ten_seconds_for_all_its_bytes)
{
    harness_run(BACKEND_SIM, 2, slow_hello);
}

Test(native_time, a_connection_without_hello_or_with_half_a_frame_is_dropped_but_not_an_idle_one)
{
    harness_run(BACKEND_SIM, 2, silence);
}

static uint64_t connections_open(struct server *s)
{
    uint64_t n = 0;
    struct arena arena = {0};
    struct metrics_sample *samples = arena_alloc(&arena, reactor_count() * sizeof(*samples));
    cr_assert_eq(server_measure(samples, &arena), 0);
    for (unsigned r = 0; r < reactor_count(); r++)
        n += samples[r].counted.connections_open;
    arena_fini(&arena);
    return n;
}

static void deaf(struct server *s)
{
    struct client c = opened(s), other = opened(s);
    fill_collection(&c, "a", 1000);
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 1000;
    search.with_vectors = true;
    float q[4] = {1, 2, 3, 4};
    for (uint64_t i = 0; i < 2000; i++) /* tens of MB of answers that are not read */
        if (client_send(&c, KITH_OP_SEARCH, i, 0, &search.base, q, 16) < 0)
            break;
    fiber_sleep_ns(120000000000ull);
    cr_assert_eq(connections_open(s), 1);
    cr_assert_eq(client_ping(&other), 0);
    client_close(&c);
    client_close(&other);
}

Test(native_time, a_client_that_does_not_read_answers_is_dropped)
{
    harness_run(BACKEND_SIM, 2, deaf);
}

/* Receives the answer to request 5, or the error that the server stops. Then the connection must
 * end. */
static void want_last_answer(struct client *c)
{
    struct client_reply r;
    int rc = client_receive(c, &r);
    cr_assert(rc == 0 || rc == CLIENT_REFUSED(ERROR_UNAVAILABLE), "rc %d", rc);
    cr_assert_eq(r.header.request_id, 5);
    client_reply_fini(&r);
    cr_assert_lt(client_receive(c, &r), 0);
    client_reply_fini(&r);
}

static void stop_with_requests(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 5, 0, 200), 0);
    fiber_sleep_ns(2000000);
    server_stop(s); /* the server sends the answer before it closes the connection */
    want_last_answer(&c);
    client_close(&c);
}

Test(native_time, a_stop_lets_requests_end)
{
    harness_run(BACKEND_AUTO, 2, stop_with_requests);
}

/* Stops the server while connections have sent a part of a frame, with and without a request under
 * way. */
static void stop_with_half_frames(struct server *s)
{
    struct client c = with_large_collection(s), other = opened(s);
    struct kith_frame_header h = {
        .magic = KITH_MAGIC, .op = KITH_OP_UPSERT, .request_id = 6, .meta_bytes = 1000, .block_bytes = 60000};
    uint8_t half[KITH_HEADER_BYTES + 500] = {0};
    memcpy(half, &h, sizeof(h));
    cr_assert_eq(send_large_search(&c, 5, 0, 200), 0);
    cr_assert_eq(client_send_bytes(&c, half, sizeof(half)), 0);
    cr_assert_eq(client_send_bytes(&other, half, sizeof(half)), 0);
    fiber_sleep_ns(2000000);
    const uint64_t began_ns = clock_now_ns();
    server_stop(s);
    cr_assert_lt(clock_now_ns() - began_ns, 1000000000u, "the stop must not wait for the rest of a frame");
    want_last_answer(&c);
    struct client_reply r;
    cr_assert_lt(client_receive(&other, &r), 0);
    client_reply_fini(&r);
    client_close(&c);
    client_close(&other);
}

Test(native_time, a_stop_does_not_wait_for_the_rest_of_a_frame)
{
    harness_run(BACKEND_SIM, 2, stop_with_half_frames);
}
