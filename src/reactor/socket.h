/* socket.h -- byte streams, by fibers.
 *
 * Every reactor that listens on an address gets its share of the connections (SO_REUSEPORT); a
 * connection stays on the reactor that accepted it. Reading and writing may go on at once from two
 * fibers, but only one of each kind. */
#pragma once

#include "reactor/runtime.h"
#include <stddef.h>

struct listener;
struct connection;

/* Runs in a fiber of its own for each connection and owns it: must close it before it returns. */
typedef void (*connection_fn)(struct connection *c, void *arg);

/* host: an IPv4 or IPv6 address; "::" takes IPv4 connections, too; port 0 picks a free one (ask
 * listener_port() on the first reactor and pass it on). -EADDRINUSE, -EADDRNOTAVAIL, -EACCES. */
MUST_USE int listener_open(const char *host, uint16_t port, connection_fn serve, void *arg, struct listener **ret);
/* Is host an IPv4 or IPv6 address? */
bool address_valid(const char *host);
/* What a connection is told that cannot be served, for want of descriptors, fibers or memory; the
 * bytes must live as long as l. One connection at a time is told, which takes one descriptor, for a
 * moment. Without it such a connection is closed at once. */
void listener_set_farewell(struct listener *l, const void *bytes, size_t size);
uint16_t listener_port(const struct listener *l);
void listener_close(struct listener *l); /* no new connections; those that are open go on */

/* Accepted connections that are open, on all reactors, and how many there are descriptors for.
 * Beyond that a new one gets the listener's farewell, which costs no memory and knows nothing of
 * who asks; a server that wants to say more says it earlier. */
struct connection_count {
    unsigned open, most;
};
struct connection_count connections_count(void);

MUST_USE int connection_open(const char *host, uint16_t port, struct connection **ret);

/* Waits for some bytes: returns 1..capacity, 0 at the end of the stream, -ETIME at the deadline (0:
 * none), -ECONNRESET, -ECANCELED after connection_shutdown(). */
MUST_USE int64_t connection_receive(struct connection *c, void *bytes, size_t capacity, uint64_t deadline_ns);

struct slice {
    const void *bytes;
    size_t size;
};
/* Sends all slices in order or fails: -EPIPE, -ECONNRESET, -ETIME (the peer does not read). */
MUST_USE int connection_send(struct connection *c, const struct slice *slices, unsigned n, uint64_t deadline_ns);

/* both directions; a fiber that waits on c comes back */
void connection_shutdown(struct connection *c);
void connection_close(struct connection *c);
const char *connection_peer(const struct connection *c); /* "127.0.0.1:51234", lives with c */
