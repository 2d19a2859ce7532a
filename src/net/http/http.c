/* http.c -- /healthz, /readyz and /metrics for monitoring, over plain HTTP/1.1. The parser is
 * http_parser (Node's), and a table of routes gives the answer. Requests are small and rare, one
 * after the other on a connection. So a connection has a short deadline and a small limit of bytes,
 * and the text of metrics is made anew for each request. */
#include "actors/router/router.h"
#include "actors/server.h"
#include "net/front.h"
#include "shards/folder/read_only.h"

#include <errno.h>
#include <http_parser.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* for receiving a request, and for sending its answer */
#define TIMEOUT_NS        ((uint64_t)10000000000)
#define REQUEST_MAX       8192 /* bytes of the request line and all headers */
#define PATH_MAX_BYTES    128
#define INPUT_BYTES       4096
#define HEADER_NAME_BYTES 8  /* enough to recognise "Host" */
#define PEERS_MAX         32 /* most connections at a time on a reactor */
/* HTTP gets at most one in so many of the connections that descriptors allow */
#define PEERS_SHARE   16
#define LINGER_NS     ((uint64_t)200000000)
#define LINGERERS_MAX 8 /* most refused connections of a reactor that are given time to close */

struct http {
    struct http *next, *prev; /* in the list of the front */
    struct front *front;
    struct stream *stream;
    const struct principal *principal;
    http_parser parser;
    char path[PATH_MAX_BYTES];
    size_t path_size, request_size;
    struct buffer text; /* the text of metrics */
    struct header {
        char name[HEADER_NAME_BYTES]; /* its first bytes */
        size_t size;
        bool has_value;
    } header; /* the header that is being received */
    unsigned hosts;
    bool complete, keep;
};

static int on_url(http_parser *p, const char *at, size_t n)
{
    struct http *h = p->data;
    if (h->path_size + n >= sizeof(h->path))
        return 1;
    memcpy(h->path + h->path_size, at, n);
    h->path_size += n;
    h->path[h->path_size] = 0;
    return 0;
}

/* Collects the name of a header, which comes in pieces. A name with a space in it or behind it is
 * refused (RFC 9112, 5.1), because a proxy in front may have read it differently. */
static int on_header_name(http_parser *p, const char *at, size_t n)
{
    struct http *h = p->data;
    struct header *name = &h->header;
    if (name->has_value)
        *name = (struct header){0};
    for (size_t i = 0; i < n; i++, name->size++) {
        if (at[i] == ' ' || at[i] == '\t')
            return 1;
        if (name->size < HEADER_NAME_BYTES)
            name->name[name->size] = at[i];
    }
    return 0;
}

static int on_header_value(http_parser *p, const char *at, size_t n)
{
    struct http *h = p->data;
    if (!h->header.has_value)
        h->hosts += h->header.size == 4 && strncasecmp(h->header.name, "host", 4) == 0;
    h->header.has_value = true;
    return 0;
}

/* RFC 9112, 3.2: a request has one Host header, which is optional in HTTP/1.0. */
static int on_headers(http_parser *p)
{
    const struct http *h = p->data;
    const bool must = p->http_major > 1 || (p->http_major == 1 && p->http_minor > 0);
    return h->hosts > 1 || (must && h->hosts == 0) ? -1 : 0;
}

static int on_complete(http_parser *p)
{
    struct http *h = p->data;
    h->complete = true;
    h->keep = http_should_keep_alive(p);
    http_parser_pause(p, 1);
    return 0;
}

static int answer(struct http *h, int status, const char *reason, const char *type, const char *body, size_t size)
{
    struct buffer head = {0};
    int rc = buffer_printf(
        &head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: %s\r\n\r\n", status, reason,
        type, size, status == 405 ? "Allow: GET, HEAD\r\n" : "", h->keep ? "keep-alive" : "close");
    bool body_too = h->parser.method != HTTP_HEAD || status == 400;
    struct slice slices[2] = {{head.bytes, head.size}, {body, size}};
    if (rc == 0)
        rc = stream_write(h->stream, slices, body_too && size ? 2 : 1, clock_now_ns() + TIMEOUT_NS);
    buffer_fini(&head);
    return rc;
}

static int answer_text(struct http *h, int status, const char *reason, const char *text)
{
    return answer(h, status, reason, "text/plain; charset=utf-8", text, strlen(text));
}

static int healthz(struct http *h)
{
    switch (h->front->core->state) {
    case CORE_SERVING: return answer_text(h, 200, "OK", "ok\n");
    case CORE_STARTING:
    case CORE_READING: return answer_text(h, 503, "Service Unavailable", "starting\n");
    case CORE_RESTORING: return answer_text(h, 503, "Service Unavailable", "restoring a snapshot\n");
    default: return answer_text(h, 503, "Service Unavailable", "stopping\n");
    }
}

/* Appends how many collections a starting server serves already. */
static int readable(const struct core *c, struct buffer *text)
{
    size_t is_clean = 0;
    for (size_t i = 0; i < c->collections.count; i++)
        is_clean += c->collections.by_id[i]->is_clean;
    return c->state == CORE_READING
               ? buffer_printf(text, "%zu of %zu collections can be read already\n", is_clean, c->collections.count)
               : 0;
}

static int starting(struct http *h)
{
    struct error why = {0};
    struct buffer text = {0};
    ignore_result(server_starting(h->front->core->server, &why));
    int rc = buffer_printf(&text, "%s\n", why.text);
    if (rc == 0)
        rc = readable(h->front->core, &text);
    if (rc == 0)
        rc = answer(h, 503, "Service Unavailable", "text/plain; charset=utf-8", (const char *)text.bytes, text.size);
    buffer_fini(&text);
    return rc;
}

/* Lists the problems of a serving server; empty if there are none. */
static int troubles(const struct core *c, struct buffer *text)
{
    struct error why = {0};
    const int failure = router_read_only(c, &why);
    int rc = 0;
    if (failure)
        rc = buffer_printf(text, "read-only (%s): %s\n", disk_failure_name(failure), why.text);
    for (size_t i = 0; i < c->collections.count && rc == 0; i++) {
        const struct collection_entry *e = c->collections.by_name[i];
        if (e->damage.code != ERROR_OK)
            rc = buffer_printf(text, "collection '%s' is not served: %s\n", e->config.name, e->damage.text);
    }
    return rc;
}

/* A server with problems is still ready for other requests, so the status stays 200; the text names
 * them. */
static int readyz(struct http *h)
{
    const struct core *c = h->front->core;
    if (c->state == CORE_STARTING || c->state == CORE_READING)
        return starting(h);
    if (c->state != CORE_SERVING)
        return healthz(h);
    struct buffer text = {0};
    int rc = troubles(c, &text);
    rc = rc < 0 || text.size == 0
             ? answer_text(h, 200, "OK", "ok\n")
             : answer(h, 200, "OK", "text/plain; charset=utf-8", (const char *)text.bytes, text.size);
    buffer_fini(&text);
    return rc;
}

/* Makes the text of metrics in h->text and frees everything that it was made from, because the
 * client may take long to read it. */
static int metrics_text(struct http *h, struct request *rq)
{
    struct buffer *text = &h->text;
    int rc = router_enter_metrics(rq);
    if (rc == 0)
        rc = router_metrics(rq, text);
    arena_fini_slowly(&rq->bulk, fiber_pause);
    if (rc < 0)
        buffer_fini_slowly(text, fiber_pause);
    admission_work_done(rq, text->capacity);
    return rc;
}

static int metrics_answer(struct http *h)
{
    struct request *rq = request_acquire(h->front->core, TIMEOUT_NS / 1000000);
    int rc = rq ? metrics_text(h, rq) : -ENOMEM;
    if (rc == 0)
        rc =
            answer(h, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", (const char *)h->text.bytes, h->text.size);
    else
        rc = answer_text(h, 503, "Service Unavailable", "the metrics could not be collected; try again later\n");
    buffer_fini_slowly(&h->text, fiber_pause);
    if (rq) {
        admission_forget(rq);
        request_release(rq);
    }
    return rc;
}

static const struct route {
    const char *path;
    enum right right;
    int (*answer)(struct http *h);
} routes[] = {
    {"/healthz", RIGHT_NONE, healthz},
    {"/readyz", RIGHT_NONE, readyz},
    {"/metrics", RIGHT_READ, metrics_answer},
};

static const struct route *route_find(const char *path)
{
    for (unsigned i = 0; i < ARRAY_LEN(routes); i++)
        if (strcmp(path, routes[i].path) == 0)
            return &routes[i];
    return NULL;
}

static int refuse(struct http *h, const struct error *why)
{
    char text[ERROR_TEXT_MAX + 1];
    snprintf(text, sizeof(text), "%s\n", why->text);
    return answer_text(h, 403, "Forbidden", text);
}

static int respond(struct http *h)
{
    char *query = strchr(h->path, '?');
    if (query)
        *query = 0;
    struct error why;
    const struct route *route = route_find(h->path);
    if (!route)
        return answer_text(h, 404, "Not Found", "not found: use /healthz, /readyz or /metrics\n");
    if (h->parser.method != HTTP_GET && h->parser.method != HTTP_HEAD)
        return answer_text(h, 405, "Method Not Allowed", "use GET or HEAD\n");
    if (principal_check(h->principal, route->right, route->path, NULL, &why) < 0)
        return refuse(h, &why);
    return route->answer(h);
}

/* Feeds the parser. Returns 0, or -1 when the bytes are no request. Bytes behind a complete request
 * stay in *bytes, *n. */
static int feed(struct http *h, const char **bytes, size_t *n)
{
    static const http_parser_settings settings = {.on_url = on_url,
                                                  .on_header_field = on_header_name,
                                                  .on_header_value = on_header_value,
                                                  .on_headers_complete = on_headers,
                                                  .on_message_complete = on_complete};
    size_t used = http_parser_execute(&h->parser, &settings, *bytes, *n);
    *bytes += used;
    *n -= used;
    h->request_size += used;
    enum http_errno error = HTTP_PARSER_ERRNO(&h->parser);
    if (h->complete) {
        http_parser_pause(&h->parser, 0);
        return 0;
    }
    return error == HPE_OK && !h->parser.upgrade && h->request_size <= REQUEST_MAX ? 0 : -1;
}

static void serve_requests(struct http *h)
{
    char *input = malloc(INPUT_BYTES); /* on the heap, because stacks of fibers are small */
    const char *at = input;
    size_t have = 0;
    do {
        h->complete = false;
        h->path_size = h->request_size = 0;
        h->header = (struct header){0};
        h->hosts = 0;
        uint64_t deadline_ns = clock_now_ns() + TIMEOUT_NS;
        while (input && !h->complete) {
            if (have == 0) {
                int64_t got = stream_read(h->stream, input, INPUT_BYTES, deadline_ns);
                if (got <= 0)
                    goto end;
                at = input;
                have = (size_t)got;
            }
            if (feed(h, &at, &have) < 0) {
                h->keep = false;
                (void)answer_text(h, 400, "Bad Request",
                                  "not a valid HTTP/1.1 request; send GET /healthz, /readyz or /metrics\n");
                goto end;
            }
        }
    } while (input && respond(h) == 0 && h->keep && !h->front->draining);
end:
    free(input);
}

static void http_add(struct front *f, struct http *h)
{
    h->next = f->https;
    if (h->next)
        h->next->prev = h;
    f->https = h;
    f->http_count++;
}

static void http_remove(struct front *f, struct http *h)
{
    if (h->prev)
        h->prev->next = h->next;
    else
        f->https = h->next;
    if (h->next)
        h->next->prev = h->prev;
    f->http_count--;
    event_notify_all(&f->changed);
}

/* Whether this reactor has too many HTTP connections. Each may hold an unread text of metrics, and
 * takes a descriptor from clients of the native protocol. */
static bool is_crowded(const struct front *f)
{
    const uint32_t share = (uint32_t)(connections_count().most / PEERS_SHARE), most = share > 1 ? share : 1;
    return f->http_count - f->http_turned >= (most < PEERS_MAX ? most : PEERS_MAX);
}

#define CROWDED_BODY                                                                                                   \
    "{\"error\": \"there are as many HTTP connections as this server may have; close some, or come again\"}\n"
static_assert(sizeof(CROWDED_BODY) - 1 == 99, "as Content-Length says");
static const char http_crowded[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n" CROWDED_BODY;

/* Sends the refusal, then waits a moment for the peer to close. Closing with unread bytes would
 * reset the connection, and the reset may overtake the answer. */
static void turn_away(struct http *h)
{
    char unread[512];
    const uint64_t until_ns = clock_now_ns() + LINGER_NS;
    const struct slice slice = {http_crowded, sizeof(http_crowded) - 1};
    h->front->http_turned++;
    int64_t rc = stream_write(h->stream, &slice, 1, until_ns);
    while (rc >= 0 && h->front->http_turned <= LINGERERS_MAX && clock_now_ns() < until_ns) {
        rc = stream_read(h->stream, unread, sizeof(unread), until_ns);
        rc = rc == 0 ? -ECONNRESET : rc;
    }
    h->front->http_turned--;
}

static void http_serve(struct front_listener *l, struct stream *stream)
{
    struct front *f = l->front;
    const bool crowded = is_crowded(f);
    struct http h = {.front = f, .stream = stream, .principal = l->principal};
    http_parser_init(&h.parser, HTTP_REQUEST);
    h.parser.data = &h;
    http_add(f, &h);
    if (crowded)
        turn_away(&h);
    else
        serve_requests(&h);
    http_remove(f, &h);
    stream_close(stream);
}

static size_t http_farewell(uint8_t *to, size_t room)
{
    static_assert(sizeof(http_crowded) <= FAREWELL_BYTES, "it fits");
    memcpy(to, http_crowded, sizeof(http_crowded) - 1);
    return sizeof(http_crowded) - 1;
}

static void http_drain(struct front *f, uint64_t deadline_ns)
{
    for (struct http *h = f->https; h; h = h->next)
        stream_shutdown(h->stream);
    while (f->http_count > 0)
        event_wait(&f->changed);
}

static uint64_t http_memory(const struct front *f)
{
    uint64_t bytes = 0;
    for (const struct http *h = f->https; h; h = h->next)
        bytes += INPUT_BYTES + h->text.capacity;
    return bytes;
}

const struct protocol protocol_http = {
    .option = "--http", .serve = http_serve, .farewell = http_farewell, .drain = http_drain, .memory = http_memory};
