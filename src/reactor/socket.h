/* socket.h -- TCP streams for fibers.
 *
 * All reactors may listen on the same address; the kernel distributes the connections
 * (SO_REUSEPORT). A connection stays on the reactor that accepted it. One fiber may read a
 * connection while another writes it, but not two of a kind. */
#pragma once

#include "reactor/runtime.h"
#include <stddef.h>

struct listener;
struct connection;

/* Runs in a fiber of its own for each connection. It owns the connection and must close it before
 * it returns. */
typedef void (*connection_fn)(struct connection *c, void *arg);

/* host: an IPv4 or IPv6 address; "::" also takes IPv4 connections. Port 0 picks a free port: the
 * first reactor reads it with listener_port() and passes it on. -EADDRINUSE, -EADDRNOTAVAIL,
 * -EACCES. */
MUST_USE int listener_open(const char *host, uint16_t port, connection_fn serve, void *arg, struct listener **ret);
/* Whether host is an IPv4 or IPv6 address. */
bool address_valid(const char *host);
/* Sets the bytes that l sends to a connection that it must refuse for want of descriptors, fibers
 * or memory. The bytes must live as long as l. One connection at a time gets them, which takes one
 * descriptor for a moment. Without a farewell such a connection is closed at once. */
void listener_set_farewell(struct listener *l, const void *bytes, size_t size);
uint16_t listener_port(const struct listener *l);
void listener_close(struct listener *l); /* no new connections; open ones go on */

/* Open accepted connections of all reactors, and the number that descriptors allow. Beyond that a
 * new connection gets the listener's farewell. The farewell costs no memory and is the same for
 * every client, so a server that wants to say more refuses earlier. */
struct connection_count {
    unsigned open, most;
};
struct connection_count connections_count(void);

MUST_USE int connection_open(const char *host, uint16_t port, struct connection **ret);

/* Waits for some bytes. Returns 1..capacity, 0 at the end of the stream, -ETIME at the deadline (0:
 * none), -ECONNRESET, or -ECANCELED after connection_shutdown(). */
MUST_USE int64_t connection_receive(struct connection *c, void *bytes, size_t capacity, uint64_t deadline_ns);

struct slice {
    const void *bytes;
    size_t size;
};
/* Sends all slices in order, or fails: -EPIPE, -ECONNRESET, -ETIME (the peer does not read). */
MUST_USE int connection_send(struct connection *c, const struct slice *slices, unsigned n, uint64_t deadline_ns);

/* ends both directions; a fiber that waits on c resumes */
void connection_shutdown(struct connection *c);
void connection_close(struct connection *c);
const char *connection_peer(const struct connection *c); /* "127.0.0.1:51234"; lives as long as c */
