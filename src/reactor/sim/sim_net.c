/* sim_net.c -- TCP streams in memory. Sent bytes arrive later and in order. The seed decides in
 * which pieces they are received. */
#include "base/memory.h"
#include "reactor/sim/sim_world.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_FIRST ((handle_t)1 << 40) /* distinct from the handles of the disk */
#define INBOX_MAX    ((size_t)256 << 10)
#define PORT_FIRST   20000
#define BREAK_NS_MAX 5000000

enum kind { FREE, LISTENER, STREAM };

struct end { /* a listener, or one end of a connection */
    enum kind kind;
    struct sim_backend *backend;
    struct endpoint at;
    struct op *reader, *writer; /* waiting operations; reader: accept or receive; writer: send */
    /* stream */
    size_t peer;          /* index of the other end */
    uint8_t *inbox;       /* INBOX_MAX bytes: those that have arrived, then those under way */
    size_t size, arrived; /* bytes in the inbox; how many of them can be received now */
    uint64_t arrival_ns;  /* arrival time of the last piece under way */
    bool eof;             /* the peer sends no more, and all its bytes have arrived */
    bool peer_gone, shut, broken;
    int error; /* errno of a reset; returned once */
    /* listener */
    size_t *queue;
    size_t queued;
};

struct sim_net {
    struct end **ends;
    size_t count;
    uint16_t port_next;
};

struct sim_net *sim_net_create(void)
{
    struct sim_net *n = calloc(1, sizeof(*n));
    if (n)
        n->port_next = PORT_FIRST;
    return n;
}

void sim_net_destroy(struct sim_net *n)
{
    for (size_t i = 0; n && i < n->count; i++) {
        free(n->ends[i]->inbox);
        free(n->ends[i]->queue);
        free(n->ends[i]);
    }
    if (n)
        free(n->ends);
    free(n);
}

bool sim_net_owns(handle_t handle)
{
    return handle >= HANDLE_FIRST;
}

static struct end *end_of(struct sim *s, handle_t handle)
{
    check(sim_net_owns(handle) && (size_t)(handle - HANDLE_FIRST) < s->net->count);
    return s->net->ends[handle - HANDLE_FIRST];
}

/* Never reuses an index, so an event for a closed end finds that end closed. */
static size_t end_create(struct sim *s, enum kind kind, struct sim_backend *b)
{
    struct sim_net *n = s->net;
    n->ends = realloc(n->ends, (n->count + 1) * sizeof(struct end *));
    struct end *e = calloc(1, sizeof(*e));
    check(n->ends && e);
    e->kind = kind;
    e->backend = b;
    if (kind == STREAM) {
        e->inbox = malloc(INBOX_MAX);
        check(e->inbox);
    }
    n->ends[n->count] = e;
    return n->count++;
}

static uint64_t latency(struct sim *s)
{
    return 1000 + sim_below(&s->net_timing, 200000);
}

/* -- receiving -- */

static void try_send(struct sim *s, struct end *e);

static int take_error(struct end *e)
{
    int error = e->error;
    e->error = 0;
    return error;
}

static void try_receive(struct sim *s, struct end *e)
{
    struct op *op = e->reader;
    if (!op)
        return;
    int64_t n = 0;
    if (e->arrived && !e->shut) {
        size_t most = e->arrived < op->size ? e->arrived : op->size;
        n = sim_below(&s->net_timing, 4) ? (int64_t)most : 1 + (int64_t)sim_below(&s->net_timing, most);
        memcpy(op->bytes, e->inbox, (size_t)n);
        memmove(e->inbox, e->inbox + n, e->size - (size_t)n);
        e->size -= (size_t)n;
        e->arrived -= (size_t)n;
        try_send(s, s->net->ends[e->peer]); /* it may have waited for room in this inbox */
    } else if (e->error) {
        n = take_error(e);
    } else if (!e->eof && !e->shut) {
        return;
    }
    e->reader = NULL;
    sim_complete(e->backend, op, n, 100);
}

/* -- sending -- */

static void happen_arrive(struct sim *s, struct sim_event *ev)
{
    struct end *e = s->net->ends[(size_t)ev->object];
    if (e->kind != STREAM || e->broken)
        return;
    if (ev->value)
        e->arrived += ev->value;
    else
        e->eof = true;
    try_receive(s, e);
}

/* Sends bytes to the end `to`, or with bytes == 0 the end of the stream. Pieces arrive in the order
 * of sending. */
static void send_to(struct sim *s, size_t to, size_t bytes)
{
    struct end *e = s->net->ends[to];
    uint64_t at = s->now_ns + latency(s);
    e->arrival_ns = at > e->arrival_ns ? at : e->arrival_ns + 1;
    sim_schedule(
        s, e->arrival_ns - s->now_ns,
        (struct sim_event){.happen = happen_arrive, .backend = e->backend, .object = (void *)to, .value = bytes});
}

/* -- faults -- */

/* Breaks one end of a connection: bytes under way arrive up to some byte, and none after it. */
static void break_end(struct sim *s, struct end *e, enum sim_fault f)
{
    if (e->kind != STREAM)
        return;
    e->arrived += (size_t)sim_fault_below(s, f, e->size - e->arrived + 1);
    e->size = e->arrived;
    e->broken = e->peer_gone = true;
    e->error = f == FAULT_RESET ? -ECONNRESET : 0;
    e->eof = true;
    try_receive(s, e);
    try_send(s, e);
}

static void happen_break(struct sim *s, struct sim_event *ev)
{
    enum sim_fault f = (enum sim_fault)ev->value;
    struct end *e = s->net->ends[(size_t)ev->object], *peer = s->net->ends[e->peer];
    /* the connection has ended normally */
    if (e->kind != STREAM || e->broken || e->shut || peer->shut)
        return;
    sim_fault_count(s, f);
    sim_trace(s, e->backend->id, sim_fault_name(f), (size_t)ev->object, e->peer);
    break_end(s, e, f);
    break_end(s, peer, f);
}

/* Called after a send to the end `to`: may break the connection, now or a little later. */
static void perhaps_break(struct sim *s, size_t to)
{
    static const enum sim_fault kinds[] = {FAULT_RESET, FAULT_CUT};
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (sim_fault_draw(s, kinds[i])) {
            uint64_t delay_ns = sim_fault_below(s, kinds[i], 2) ? sim_fault_below(s, kinds[i], BREAK_NS_MAX) : 0;
            sim_schedule(s, delay_ns,
                         (struct sim_event){.happen = happen_break,
                                            .backend = s->net->ends[to]->backend,
                                            .object = (void *)to,
                                            .value = kinds[i]});
        }
}

static void try_send(struct sim *s, struct end *e)
{
    struct op *op = e->writer;
    if (!op)
        return;
    struct end *peer = s->net->ends[e->peer];
    int64_t sent = 0;
    if (e->shut || e->peer_gone) {
        sent = e->error ? take_error(e) : -EPIPE;
    } else {
        size_t room = INBOX_MAX - peer->size;
        if (room == 0)
            return;
        room = sim_below(&s->net_timing, 8) ? room : 1 + (size_t)sim_below(&s->net_timing, room);
        for (unsigned i = 0; i < op->iov_count && room; i++) {
            size_t n = op->iov[i].iov_len < room ? op->iov[i].iov_len : room;
            memcpy(peer->inbox + peer->size, op->iov[i].iov_base, n);
            peer->size += n;
            room -= n;
            sent += (int64_t)n;
        }
        if (sent) {
            send_to(s, e->peer, (size_t)sent);
            perhaps_break(s, e->peer);
        }
    }
    e->writer = NULL;
    sim_complete(e->backend, op, sent, 100);
}

/* Ends both directions of e. */
static void stop(struct sim *s, struct end *e)
{
    if (e->shut)
        return;
    e->shut = true;
    struct end *peer = s->net->ends[e->peer];
    peer->peer_gone = true;
    send_to(s, e->peer, 0);
    try_send(s, peer);
    try_receive(s, e);
    try_send(s, e);
}

/* -- connecting -- */

static void try_accept(struct sim *s, struct end *l)
{
    if (!l->reader || l->queued == 0)
        return;
    struct op *op = l->reader;
    size_t index = l->queue[0];
    memmove(l->queue, l->queue + 1, --l->queued * sizeof(*l->queue));
    l->reader = NULL;
    op->endpoint = s->net->ends[s->net->ends[index]->peer]->at;
    sim_complete(l->backend, op, HANDLE_FIRST + (handle_t)index, latency(s));
}

static void happen_connect(struct sim *s, struct sim_event *ev)
{
    size_t to = (size_t)ev->object, index = (size_t)ev->value;
    struct end *l = s->net->ends[to];
    struct end *e = s->net->ends[index];
    if (l->kind != LISTENER) { /* closed meanwhile */
        stop(s, e);
        return;
    }
    l->queue = realloc(l->queue, (l->queued + 1) * sizeof(*l->queue));
    check(l->queue);
    l->queue[l->queued++] = index;
    try_accept(s, l);
}

static void do_connect(struct sim_backend *b, struct op *op)
{
    struct sim *s = b->sim;
    struct sim_net *n = s->net;
    size_t listeners = 0, chosen = 0;
    for (size_t i = 0; i < n->count; i++)
        /* reservoir sampling, so that each listener is equally likely */
        if (n->ends[i]->kind == LISTENER && n->ends[i]->at.port == op->endpoint.port &&
            sim_below(&s->net_timing, ++listeners) == 0)
            chosen = i;
    if (!listeners) {
        sim_complete(b, op, -ECONNREFUSED, latency(s));
        return;
    }
    size_t client = end_create(s, STREAM, b), server = end_create(s, STREAM, n->ends[chosen]->backend);
    n->ends[client]->peer = server;
    n->ends[server]->peer = client;
    n->ends[client]->at = op->endpoint;
    n->ends[client]->at.port = ++n->port_next;
    sim_schedule(s, latency(s),
                 (struct sim_event){.happen = happen_connect, .backend = b, .object = (void *)chosen, .value = server});
    sim_complete(b, op, HANDLE_FIRST + (handle_t)client, latency(s));
}

int sim_net_listen(struct sim_backend *b, struct endpoint *at, handle_t *ret)
{
    struct sim *s = b->sim;
    if (at->port == 0)
        at->port = ++s->net->port_next;
    size_t i = end_create(s, LISTENER, b);
    s->net->ends[i]->at = *at;
    *ret = HANDLE_FIRST + (handle_t)i;
    return 0;
}

/* -- ending -- */

void sim_net_shutdown(struct sim_backend *b, handle_t connection)
{
    stop(b->sim, end_of(b->sim, connection));
}

static void do_close(struct sim_backend *b, struct op *op)
{
    struct end *e = end_of(b->sim, op->handle);
    if (e->kind == STREAM)
        stop(b->sim, e);
    else
        /* connections that wait to be accepted are refused */
        for (size_t i = 0; i < e->queued; i++)
            stop(b->sim, b->sim->net->ends[e->queue[i]]);
    e->kind = FREE;
    sim_complete(b, op, 0, 100);
}

void sim_net_submit(struct sim_backend *b, struct op *op)
{
    struct sim *s = b->sim;
    struct end *e = op->kind == OP_CONNECT || op->kind == OP_CLOSE ? NULL : end_of(s, op->handle);
    switch (op->kind) {
    case OP_CLOSE: do_close(b, op); break;
    case OP_CONNECT: do_connect(b, op); break;
    case OP_ACCEPT:
        e->reader = op;
        try_accept(s, e);
        break;
    case OP_RECEIVE:
        e->reader = op;
        try_receive(s, e);
        break;
    case OP_SEND:
        e->writer = op;
        try_send(s, e);
        break;
    default: check(!"an operation on sockets");
    }
}

bool sim_net_cancel(struct sim_backend *b, struct op *op)
{
    if (op->kind == OP_CONNECT)
        return false; /* it completes soon anyway */
    struct end *e = end_of(b->sim, op->handle);
    if (e->reader != op && e->writer != op)
        return false;
    if (e->reader == op)
        e->reader = NULL;
    else
        e->writer = NULL;
    return true;
}
