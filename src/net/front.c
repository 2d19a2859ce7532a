/* front.c -- listeners are opened before the data is read, so that clients hear how far that is, and closed first; while connections drain, /healthz says that the server stops. */
#include "net/front.h"
#include "net/http/http.h"
#include "net/native/native.h"
#include "net/native/operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_LOOKS   20       /* at a port that somebody serves at, */
#define TAKEN_LOOK_NS 50000000 /* so far apart */

/* Is host an address of this machine? What a connection to another machine would say is nothing about a port here. */
static int host_check(const char *host)
{
    struct listener *l;
    int rc = reactor_id() == 0 ? listener_open(host, 0, NULL, NULL, &l) : 0;
    if (reactor_id() == 0 && rc == 0)
        listener_close(l);
    return rc;
}

/* Reactors share a port, which the kernel allows to any two programs of one user: so the first reactor asks whether somebody
 * serves there already, or two servers would each get some of the clients. */
static bool port_taken(const char *host, uint16_t port)
{
    struct connection *c;
    if (reactor_id() != 0 || port == 0 || connection_open(host, port, &c) < 0)
        return false;
    connection_close(c);
    return true;
}

/* The kernel lets go of what the io_uring of a killed server held a moment after it has gone, and whoever watches over it starts
 * the next one at once. */
static bool port_stays_taken(const char *host, uint16_t port)
{
    for (int looks = 0; looks < TAKEN_LOOKS; looks++) {
        if (!port_taken(host, port))
            return false;
        fiber_sleep_ns(TAKEN_LOOK_NS);
    }
    return true;
}

static int listen_on(const char *host, uint16_t *port, connection_fn serve, struct front *f, struct listener **ret,
                     const char *option, struct error *error)
{
    int rc = host_check(host);
    if (rc == 0)
        rc = port_stays_taken(host, *port) ? -EADDRINUSE : listener_open(host, *port, serve, f, ret);
    if (rc == -EADDRINUSE)
        return error_set(error, ERROR_IO, "%s:%u is in use by another program: stop it, or choose another port with %s",
                         host, *port, option);
    if (rc == -EADDRNOTAVAIL || rc == -EINVAL)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s is not an IP address of this machine; see %s", host,
                         option);
    if (rc == -EACCES)
        return error_set(error, ERROR_IO, "port %u needs more rights than this user has; choose one above 1023 with %s",
                         *port, option);
    if (rc < 0)
        return error_set_errno(error, rc, "could not listen on %s:%u", host, *port);
    *port = listener_port(*ret);
    return 0;
}

/* What a connection hears for which there is no descriptor or no memory. */
static void farewells_set(struct front *f)
{
    const struct kith_frame_header none = {0};
    struct error error = {0};
    static_assert(sizeof f->native_farewell >= NATIVE_ERROR_BYTES, "a frame with any sentence fits");
    error_set(&error, ERROR_RESOURCE_EXHAUSTED,
              "the server has no room for more connections: its limit of open files (ulimit -n) or its memory is used "
              "up; close some, or come again");
    error.retry_after_ms = 1000;
    listener_set_farewell(f->native_listener, f->native_farewell,
                          native_error_frame(f->native_farewell, &none, &error));
    if (f->http_listener)
        listener_set_farewell(f->http_listener, http_crowded, strlen(http_crowded));
}

static int front_start(struct core *c, uint16_t *port, uint16_t *http_port, struct error *error)
{
    struct front *f = calloc(1, sizeof *f);
    if (!f)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "there is no memory to serve clients");
    f->core = c;
    f->principal = &principal_all;
    c->front = f;
    const struct server_options *o = &c->server->options;
    int rc = listen_on(o->host, port, native_serve, f, &f->native_listener, "--listen", error);
    if (rc == 0 && o->http && net_has_http())
        rc = listen_on(o->http_host, http_port, http_serve, f, &f->http_listener, "--http", error);
    if (rc == 0)
        farewells_set(f);
    return rc;
}

static void wait_connections(struct front *f, uint64_t deadline_ns)
{
    for (struct native *n = f->natives; n; n = n->next)
        if (native_is_idle(n))
            connection_shutdown(n->connection);
    while (f->natives && event_wait_until(&f->changed, deadline_ns) == 0)
        ;
    for (struct native *n = f->natives; n; n = n->next) {
        session_cancel_all(&n->session);
        connection_shutdown(n->connection);
    }
    while (f->natives)
        event_wait(&f->changed);
}

static void front_drain(struct core *c, uint64_t deadline_ns)
{
    struct front *f = c->front;
    if (!f)
        return;
    f->draining = true;
    if (f->native_listener)
        listener_close(f->native_listener);
    f->native_listener = NULL;
    wait_connections(f, deadline_ns);
    if (f->http_listener)
        listener_close(f->http_listener);
    f->http_listener = NULL;
    http_end_all(f);
    while (f->http_count > 0)
        event_wait(&f->changed);
}

static void front_destroy(struct core *c)
{
    free(c->front);
    c->front = NULL;
}

static uint64_t front_memory(const struct core *c)
{
    const struct front *f = c->front;
    uint64_t bytes = http_memory(f);
    for (const struct native *n = f->natives; n; n = n->next) {
        bytes += sizeof *n + n->input_piece;
        for (const struct request *rq = n->session.requests; rq; rq = rq->next)
            bytes += request_bytes(rq);
    }
    return bytes;
}

const struct server_front net_front = {.start = front_start,
                                       .drain = front_drain,
                                       .supersede = supersede_here,
                                       .memory = front_memory,
                                       .operation_name = operation_name,
                                       .destroy = front_destroy};
