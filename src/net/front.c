/* front.c -- opens and closes the listeners of a reactor. They open before the data is read, so
 * that clients get the progress of the start. They close first at the stop; /healthz answers until
 * the other connections are drained. */
#include "net/front.h"
#include "net/native/native.h"
#include "net/native/operation.h"

#include <errno.h>
#include <stdlib.h>

#define TAKEN_LOOKS   20       /* tries at a port that another program uses */
#define TAKEN_LOOK_NS 50000000 /* time between two tries */

/* Whether host is an address of this machine. Otherwise the connection of port_taken() would go to
 * another machine and say nothing about a port here. */
static int host_check(const char *host)
{
    struct listener *l;
    int rc = reactor_id() == 0 ? listener_open(host, 0, NULL, NULL, &l) : 0;
    if (reactor_id() == 0 && rc == 0)
        listener_close(l);
    return rc;
}

/* Whether another program serves at this port. Reactors share a port (SO_REUSEPORT), which the
 * kernel also allows to two programs of one user; then each would get some of the clients. Only the
 * first reactor checks. */
static bool port_taken(const char *host, uint16_t port)
{
    struct connection *c;
    if (reactor_id() != 0 || port == 0 || connection_open(host, port, &c) < 0)
        return false;
    connection_close(c);
    return true;
}

/* Tries again for a second, because the kernel frees the sockets in the io_uring of a killed server
 * with a delay, and a supervisor may restart the server at once. */
static bool port_stays_taken(const char *host, uint16_t port)
{
    for (int looks = 0; looks < TAKEN_LOOKS; looks++) {
        if (!port_taken(host, port))
            return false;
        fiber_sleep_ns(TAKEN_LOOK_NS);
    }
    return true;
}

static void serve(struct connection *c, void *arg)
{
    struct front_listener *l = arg;
    struct stream stream = stream_plain(c);
    l->protocol->serve(l, &stream);
}

static int listen_on(struct front_listener *l, const char *host, uint16_t *port, struct error *error)
{
    const char *option = l->protocol->option;
    int rc = host_check(host);
    if (rc == 0)
        rc = port_stays_taken(host, *port) ? -EADDRINUSE : listener_open(host, *port, serve, l, &l->listener);
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
        return error_set_errno(error, rc, "cannot listen on %s:%u", host, *port);
    *port = listener_port(l->listener);
    listener_set_farewell(l->listener, l->farewell, l->protocol->farewell(l->farewell, sizeof(l->farewell)));
    return 0;
}

/* In the order of draining. HTTP is last, so that monitoring works to the end. */
static const struct protocol *const protocols[PROTOCOLS] = {
    [PROTOCOL_NATIVE] = &protocol_native, [PROTOCOL_HTTP] = &protocol_http};

static int front_start(struct core *c, uint16_t *ports, struct error *error)
{
    struct front *f = calloc(1, sizeof(*f));
    if (!f)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED,
                         "too little memory to serve clients; free some, or use fewer reactors");
    f->core = c;
    c->front = f;
    const struct server_options *o = &c->server->options;
    int rc = 0;
    for (unsigned i = 0; i < o->listener_count && rc == 0; i++) {
        struct front_listener *l = &f->listeners[f->listener_count++];
        *l = (struct front_listener){
            .front = f, .protocol = protocols[o->listeners[i].protocol], .principal = &principal_admin};
        if (l->protocol->serve)
            rc = listen_on(l, o->listeners[i].host, &ports[i], error);
    }
    return rc;
}

static void listeners_close(struct front *f, const struct protocol *protocol)
{
    for (unsigned i = 0; i < f->listener_count; i++) {
        struct front_listener *l = &f->listeners[i];
        if (l->protocol == protocol && l->listener)
            listener_close(l->listener);
        if (l->protocol == protocol)
            l->listener = NULL;
    }
}

static void front_drain(struct core *c, uint64_t deadline_ns)
{
    struct front *f = c->front;
    if (!f)
        return;
    f->draining = true;
    for (unsigned i = 0; i < PROTOCOLS; i++) {
        listeners_close(f, protocols[i]);
        if (protocols[i]->serve)
            protocols[i]->drain(f, deadline_ns);
    }
}

static void front_destroy(struct core *c)
{
    free(c->front);
    c->front = NULL;
}

static uint64_t front_memory(const struct core *c)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PROTOCOLS; i++)
        if (protocols[i]->serve)
            bytes += protocols[i]->memory(c->front);
    return bytes;
}

bool net_has_http(void)
{
    return protocol_http.serve != NULL;
}

const struct server_front net_front = {.start = front_start,
                                       .drain = front_drain,
                                       .supersede = supersede_here,
                                       .memory = front_memory,
                                       .operation_name = operation_name,
                                       .destroy = front_destroy};
