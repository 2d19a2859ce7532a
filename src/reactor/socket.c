/* socket.c -- listeners and connections on top of the operations of the back end. */
#include "reactor/socket.h"
#include "base/log.h"
#include "reactor/reactor.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_TEXT_MAX 64
/* Most slices of one send operation. */
#define SEND_SLICES 64
/* Pause of a listener before it accepts again when descriptors or fibers are used up. */
#define ACCEPT_PAUSE_NS 50000000u
#define COMPLAIN_NS     ((uint64_t)60000000000)
/* Most time for a refused connection to read the farewell. */
#define FAREWELL_NS ((uint64_t)10000000)

struct connection {
    handle_t handle;
    struct reactor *reactor;
    bool shut, receiving, sending, accepted;
    /* `serve` of the listener, called when the fiber starts; accepted connections only */
    connection_fn serve;
    void *serve_arg;
    char peer[PEER_TEXT_MAX];
};

struct listener {
    handle_t handle;
    struct reactor *reactor;
    struct endpoint at;
    connection_fn serve;
    void *arg;
    /* the accept under way, or an operation on the connection that is being refused */
    struct op accept;
    int64_t refused; /* errno of the refusal */
    struct timer pause;
    bool accepting, refusing, telling, closing; /* telling: the farewell is under way */
    const void *farewell;
    size_t farewell_bytes;
    struct iovec farewell_iov;
    uint64_t farewell_until_ns;
    uint8_t heard[512];           /* bytes received from a refused connection; not used */
    uint64_t warned_ns, unwarned; /* time of the last warning; reasons for warnings since then */
    struct fiber *closer;         /* the fiber in listener_close() that waits for `accept` */
};

static int endpoint_parse(const char *host, uint16_t port, struct endpoint *ret)
{
    *ret = (struct endpoint){.port = port};
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        ret->version = 4;
        memcpy(ret->address, &v4, 4);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        ret->version = 6;
        memcpy(ret->address, &v6, 16);
        return 0;
    }
    return -EADDRNOTAVAIL;
}

bool address_valid(const char *host)
{
    struct endpoint e;
    return endpoint_parse(host, 0, &e) == 0;
}

static void endpoint_format(const struct endpoint *e, char *text)
{
    char address[INET6_ADDRSTRLEN] = "?";
    inet_ntop(e->version == 4 ? AF_INET : AF_INET6, e->address, address, sizeof(address));
    snprintf(text, PEER_TEXT_MAX, e->version == 4 ? "%s:%u" : "[%s]:%u", address, (unsigned)e->port);
}

static struct connection *connection_make(handle_t handle, const struct endpoint *peer)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->handle = handle;
    c->reactor = reactor_here();
    endpoint_format(peer, c->peer);
    return c;
}

/* ---- listeners: no fiber, one accept under way at a time ---- */

static void accept_next(void *arg);

static void serve_fiber(void *arg)
{
    struct connection *c = arg;
    c->serve(c, c->serve_arg);
}

/* A failure of one incoming connection, not of the listener and not of a limit of this process. */
static bool is_the_connections_own(int64_t rc)
{
    return rc == -ECONNABORTED || rc == -EINTR || rc == -ECANCELED || rc == -EPROTO || rc == -EPERM ||
           rc == -ENETDOWN || rc == -EHOSTDOWN || rc == -EHOSTUNREACH || rc == -ENETUNREACH;
}

/* Warns at most once in COMPLAIN_NS, because a process at its limits fails a hundred times a
 * second. */
static void complain(struct listener *l, const char *what)
{
    const uint64_t now = reactor_now(l->reactor);
    l->unwarned++;
    if (l->warned_ns && now - l->warned_ns < COMPLAIN_NS)
        return;
    log_warn("port %u: %s (%llu times since the last such line)", (unsigned)l->at.port, what,
             (unsigned long long)l->unwarned);
    l->warned_ns = now;
    l->unwarned = 0;
}

/* Continues after an accept that ended with rc: accepts again, after a pause when this process is
 * at its limits. */
static void go_on(struct listener *l, int64_t rc)
{
    if (l->closing) {
        fiber_wake(l->closer);
    } else if (rc < 0 && !is_the_connections_own(rc)) {
        char what[160];
        snprintf(what, sizeof(what), "new connections wait for a moment, because accepting one failed: %s",
                 strerror((int)-rc));
        complain(l, what);
        timer_start(&l->pause, reactor_now(l->reactor) + ACCEPT_PAUSE_NS, accept_next, l);
    } else {
        accept_next(l);
    }
}

static void closed(struct op *op)
{
    struct listener *l = op->arg;
    l->refusing = false;
    go_on(l, l->refused);
}

/* Submits the next operation of a refusal. It reuses the listener's operation, because memory for
 * another may be missing. */
static void refuse_step(struct listener *l, struct op step, void (*done)(struct op *op))
{
    step.handle = l->accept.handle;
    step.done = done;
    step.arg = l;
    l->accept = step;
    l->reactor->ops->submit(l->reactor->backend, &l->accept);
}

static void refuse_close(struct listener *l)
{
    timer_cancel(&l->pause);
    l->telling = false;
    refuse_step(l, (struct op){.kind = OP_CLOSE}, closed);
}

/* Waits until the peer closes or the time is over. Closing with unread bytes would reset the
 * connection, and the reset may overtake the farewell. */
static void heard(struct op *op)
{
    struct listener *l = op->arg;
    if (op->result <= 0 || l->closing || reactor_now(l->reactor) >= l->farewell_until_ns)
        refuse_close(l);
    else
        refuse_step(l, (struct op){.kind = OP_RECEIVE, .bytes = l->heard, .size = sizeof(l->heard)}, heard);
}

static void farewell_over(void *arg)
{
    struct listener *l = arg;
    l->reactor->ops->cancel(l->reactor->backend, &l->accept);
}

/* Ends a connection that cannot be served, with the farewell if there is one. */
static void refuse(struct listener *l, handle_t handle, int why)
{
    l->refused = why;
    l->refusing = true;
    l->accept.handle = handle;
    l->telling = l->farewell_bytes > 0 && !l->closing;
    if (!l->telling) {
        refuse_close(l);
        return;
    }
    l->farewell_until_ns = reactor_now(l->reactor) + FAREWELL_NS;
    l->farewell_iov = (struct iovec){(void *)(uintptr_t)l->farewell, l->farewell_bytes};
    timer_start(&l->pause, l->farewell_until_ns, farewell_over, l);
    refuse_step(l, (struct op){.kind = OP_SEND, .iov = &l->farewell_iov, .iov_count = 1}, heard);
}

/* Returns 0, or the errno of the refusal. */
static int serve_accepted(struct listener *l, handle_t handle, const struct endpoint *peer)
{
    struct runtime *rt = l->reactor->rt;
    if (l->closing)
        return -ECANCELED;
    if (atomic_load_explicit(&rt->connections, memory_order_relaxed) >= rt->connections_max) {
        complain(l, "connections are refused, because this process has no more file descriptors: raise ulimit -n");
        /* treated as a failure of this connection, so that the next accept needs no pause */
        return -ECONNABORTED;
    }
    struct connection *c = connection_make(handle, peer);
    if (!c)
        return -ENOMEM;
    c->accepted = true;
    c->serve = l->serve;
    c->serve_arg = l->arg;
    int rc = fiber_start_client(CLASS_INTERACTIVE, serve_fiber, c, "connection");
    if (rc < 0) {
        complain(
            l, "connections are refused, because all fibers are in use: open fewer connections, or use more reactors");
        free(c);
        return rc;
    }
    atomic_fetch_add_explicit(&rt->connections, 1, memory_order_relaxed);
    return 0;
}

static void accepted(struct op *op)
{
    struct listener *l = op->arg;
    int64_t rc = op->result;
    l->accepting = false;
    int why = rc >= 0 ? serve_accepted(l, rc, &op->endpoint) : 0;
    if (why < 0)
        refuse(l, rc, why);
    else
        go_on(l, rc);
}

static void accept_next(void *arg)
{
    struct listener *l = arg;
    l->accept = (struct op){.kind = OP_ACCEPT, .handle = l->handle, .done = accepted, .arg = l};
    l->accepting = true;
    l->reactor->ops->submit(l->reactor->backend, &l->accept);
}

int listener_open(const char *host, uint16_t port, connection_fn serve, void *arg, struct listener **ret)
{
    struct reactor *r = reactor_here();
    struct listener *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    *l = (struct listener){.reactor = r, .serve = serve, .arg = arg};
    int rc = endpoint_parse(host, port, &l->at);
    if (rc == 0)
        rc = r->ops->listen(r->backend, &l->at, &l->handle);
    if (rc < 0) {
        free(l);
        return rc;
    }
    accept_next(l);
    *ret = l;
    return 0;
}

void listener_set_farewell(struct listener *l, const void *bytes, size_t size)
{
    l->farewell = bytes;
    l->farewell_bytes = size;
}

uint16_t listener_port(const struct listener *l)
{
    return l->at.port;
}

void listener_close(struct listener *l)
{
    struct reactor *r = reactor_here();
    check(r == l->reactor && r->fiber);
    l->closing = true;
    l->closer = r->fiber;
    timer_cancel(&l->pause);
    if (l->accepting || l->telling)
        r->ops->cancel(r->backend, &l->accept);
    while (l->accepting || l->refusing)
        fiber_suspend();
    struct op op = {.kind = OP_CLOSE, .handle = l->handle};
    (void)op_run(&op);
    free(l);
}

/* ---- connections ---- */

int connection_open(const char *host, uint16_t port, struct connection **ret)
{
    struct op op = {.kind = OP_CONNECT};
    int rc = endpoint_parse(host, port, &op.endpoint);
    if (rc < 0)
        return rc;
    struct endpoint peer = op.endpoint;
    int64_t handle = op_run(&op);
    if (handle < 0)
        return (int)handle;
    struct connection *c = connection_make(handle, &peer);
    if (!c) {
        op = (struct op){.kind = OP_CLOSE, .handle = handle};
        (void)op_run(&op);
        return -ENOMEM;
    }
    *ret = c;
    return 0;
}

static bool is_interrupted(int64_t rc)
{
    return rc == -EINTR || rc == -EAGAIN || rc == -ECANCELED;
}

int64_t connection_receive(struct connection *c, void *bytes, size_t capacity, uint64_t deadline_ns)
{
    check(c->reactor == reactor_here() && !c->receiving && capacity > 0);
    int64_t rc;
    c->receiving = true;
    do {
        struct op op = {.kind = OP_RECEIVE, .handle = c->handle, .bytes = bytes, .size = capacity};
        rc = c->shut ? -ECANCELED : op_run_until(&op, deadline_ns);
    } while (!c->shut && is_interrupted(rc));
    c->receiving = false;
    return c->shut && rc <= 0 ? -ECANCELED : rc;
}

int connection_send(struct connection *c, const struct slice *slices, unsigned n, uint64_t deadline_ns)
{
    check(c->reactor == reactor_here() && !c->sending);
    struct iovec iov[SEND_SLICES];
    unsigned next = 0;
    size_t skip = 0; /* bytes of slices[next] that are sent */
    int64_t rc = 0;
    c->sending = true;
    for (;;) {
        unsigned count = 0;
        size_t total = 0, from = skip;
        for (unsigned i = next; i < n && count < SEND_SLICES && total < INT_MAX / 2; i++, from = 0) {
            if (slices[i].size == from)
                continue;
            iov[count++] = (struct iovec){(char *)(uintptr_t)slices[i].bytes + from, slices[i].size - from};
            total += slices[i].size - from;
        }
        if (count == 0) {
            rc = 0;
            break;
        }
        struct op op = {.kind = OP_SEND, .handle = c->handle, .iov = iov, .iov_count = count};
        rc = c->shut ? -ECANCELED : op_run_until(&op, deadline_ns);
        if (rc < 0 && !c->shut && is_interrupted(rc))
            continue;
        if (rc < 0)
            break;
        size_t sent = (size_t)rc;
        while (next < n && sent >= slices[next].size - skip) {
            sent -= slices[next].size - skip;
            skip = 0;
            next++;
        }
        skip += sent; /* 0 if next == n */
    }
    c->sending = false;
    return (int)(c->shut && rc < 0 ? -ECANCELED : rc);
}

void connection_shutdown(struct connection *c)
{
    if (c->shut)
        return;
    c->shut = true;
    c->reactor->ops->shutdown(c->reactor->backend, c->handle);
}

void connection_close(struct connection *c)
{
    check(c->reactor == reactor_here() && !c->receiving && !c->sending);
    struct op op = {.kind = OP_CLOSE, .handle = c->handle};
    (void)op_run(&op);
    if (c->accepted)
        atomic_fetch_sub_explicit(&c->reactor->rt->connections, 1, memory_order_relaxed);
    free(c);
}

struct connection_count connections_count(void)
{
    const struct runtime *rt = reactor_here()->rt;
    return (struct connection_count){atomic_load_explicit(&rt->connections, memory_order_relaxed), rt->connections_max};
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}
