/* front.h -- the front of a reactor: its listeners and open connections. The server gets the front
 * as a table of functions. */
#pragma once

#include "actors/server.h"
#include "net/auth.h"
#include "net/protocol.h"
#include "reactor/socket.h"

/* buckets by the first byte of client_id, for connections whose clients may connect again */
#define CLIENT_BUCKETS 256
#define CLIENTS_NOTED  512 /* clients whose newest connection is remembered */

#define FAREWELL_BYTES 512

/* A listener and its protocol. */
struct front_listener {
    struct front *front;
    const struct protocol *protocol;
    const struct principal *principal; /* the principal of connections that do not authenticate */
    struct listener *listener;         /* NULL: closed */
    uint8_t farewell[FAREWELL_BYTES];
};

struct front {
    struct core *core;
    struct front_listener listeners[LISTENERS_MAX]; /* in the order of the server's options */
    unsigned listener_count;
    struct native *natives; /* list of open connections */
    struct native *clients[CLIENT_BUCKETS];
    /* the newest connection of each remembered client; number 0: free */
    struct client_connection newest[CLIENTS_NOTED];
    unsigned newest_next;
    struct http *https;
    uint32_t http_count;  /* length of `https` */
    uint32_t http_turned; /* how many of these are being refused because there are too many */
    bool draining;
    struct event changed;
};

extern const struct server_front net_front;

/* Whether this build has an HTTP parser. */
bool net_has_http(void);
