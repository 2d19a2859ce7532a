/* Tests the HTTP listener: its pages, and its answers to wrong requests. */
#include "client.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char text[65536];

/* Sends bytes to the HTTP port and reads until the server closes. */
static void exchange(struct server *s, const char *bytes)
{
    struct connection *c;
    cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &c), 0);
    struct slice slice = {bytes, strlen(bytes)};
    cr_assert_eq(connection_send(c, &slice, 1, 0), 0);
    size_t size = 0;
    int64_t got;
    while ((got = connection_receive(c, text + size, sizeof(text) - 1 - size, clock_now_ns() + 20000000000ull)) > 0)
        size += (size_t)got;
    text[size] = 0;
    connection_close(c);
}

static void expect(struct server *s, const char *request, const char *status)
{
    exchange(s, request);
    cr_assert_eq(strncmp(text, status, strlen(status)), 0, "%.60s", text);
}

static void pages(struct server *s)
{
    if (!net_has_http())
        return;
    expect(s, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    expect(s, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    expect(s, "GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 ");
    expect(s, "POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ");
    expect(s, "this is no request\r\n\r\n", "HTTP/1.1 400 ");
    expect(s, "HEAD /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    cr_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n", "the answer to a HEAD must have no body");
    expect(s, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
           "HTTP/1.1 200 ");
    cr_assert(strstr(text + 10, "HTTP/1.1 200 "), "a kept connection must get a second answer");
}

/* RFC 9112, section 5.1: no space in or behind the name of a header. Section 3.2: one Host. */
static void headers(struct server *s)
{
    static const struct {
        const char *ask, *status;
    } cases[] = {
        {"GET /healthz HTTP/1.1\r\nHost : a\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection : close\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length\t: 0\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.0\r\nX Y: 1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nHostile: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /healthz HTTP/1.1\r\nhOST:\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
        {"GET /healthz HTTP/1.1\r\nAccept:  a b \r\nHost:a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) && net_has_http(); i++)
        expect(s, cases[i].ask, cases[i].status);
}

static void metrics(struct server *s)
{
    if (!net_has_http())
        return;
    struct client c;
    float v[4] = {1, 2, 3, 4}, score;
    uint64_t id = 9;
    uint32_t n;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(&c, "a", &id, 1, v, 4), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(client_search(&c, "a", v, 4, 1, i == 0, &id, &score, &n), 0);
    expect(s, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    static const char *const lines[] = {
        "\nkith_search_duration_seconds_count{search=\"exact\",queries=\"one\"} 1\n",
        "\nkith_search_duration_seconds_count{search=\"index\",queries=\"one\"} 2\n",
        "\nkith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"+Inf\"} 2\n",
        "\nkith_points{collection=\"a\"} 1\n",
        "\nkith_requests_total{op=\"search\"} 3\n",
        "\nkith_connections 1\n",
        "\n# TYPE kith_build_duration_seconds histogram\n",
        "\nkith_segments{collection=\"a\",state=\"growing\"} 1\n",
        "\nkith_segment_live_rows{collection=\"a\",state=\"growing\"} 1\n",
        "\nkith_segment_rows{collection=\"a\",state=\"sealed\"} 0\n",
        "\nkith_collection_damaged{collection=\"a\"} 0\n",
        "\nkith_reactor_busy_seconds_total{reactor=\"1\"} ",
        "\nkith_process_resident_bytes ",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    client_close(&c);
}

Test(http, two_pages_and_honest_refusals)
{
    harness_run(BACKEND_SIM, 2, headers);
    harness_run(BACKEND_SIM, 2, pages);
    harness_run(BACKEND_AUTO, 2, pages);
}

Test(http, metrics_count_what_happened)
{
    harness_run(BACKEND_SIM, 2, metrics);
    harness_run(BACKEND_AUTO, 2, metrics);
}

#define HTTP_MOST 64

/* Opens idle connections until the server refuses one. */
static void too_many(struct server *s)
{
    struct connection *idle[HTTP_MOST];
    unsigned n = 0;
    char byte;
    if (!net_has_http())
        return;
    do {
        cr_assert_lt(n, HTTP_MOST, "no bound was met");
        cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &idle[n]), 0);
    } while (connection_receive(idle[n++], &byte, 1, clock_now_ns() + 20000000) == -ETIME);
    expect(s, "GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 503 ");
    cr_assert(strstr(text, "\r\nRetry-After: 1\r\n") && strstr(text, "\r\nContent-Type: application/json\r\n"));
    const char *body = strstr(text, "\r\n\r\n") + 4;
    cr_assert_eq(strncmp(body, "{\"error\": \"", 11), 0);
    const size_t said = strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10);
    cr_assert_eq(strlen(body), said, "the body must have the bytes of Content-Length");
    connection_close(idle[0]);
    fiber_sleep_ns(1000000000);
    expect(s, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
    for (unsigned i = 1; i < n; i++)
        connection_close(idle[i]);
}

Test(http, one_connection_too_many_is_refused_with_the_reason)
{
    harness_run(BACKEND_SIM, 1, too_many);
    harness_run(BACKEND_AUTO, 1, too_many);
}
