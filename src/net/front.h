/* front.h -- what clients see of one reactor: its listeners and its open connections. The server
 * gets it as a table. */
#pragma once

#include "actors/server.h"
#include "net/auth.h"
#include "net/protocol.h"
#include "reactor/socket.h"

/* of connections whose clients may connect again, by the first byte of client_id */
#define CLIENT_BUCKETS 256
#define CLIENTS_NOTED  512 /* that connected again last */

#define FAREWELL_BYTES 512

/* Where connections of one protocol come in. */
struct front_listener {
    struct front *front;
    const struct protocol *protocol;
    const struct principal *principal; /* of connections that do not say who they are */
    struct listener *listener;         /* NULL: closed */
    uint8_t farewell[FAREWELL_BYTES];
};

struct front {
    struct core *core;
    struct front_listener listeners[LISTENERS_MAX]; /* as in the options of the server */
    unsigned listener_count;
    struct native *natives; /* open connections */
    struct native *clients[CLIENT_BUCKETS];
    /* of each of these its newest connection, number 0: none */
    struct client_connection newest[CLIENTS_NOTED];
    unsigned newest_next;
    struct http *https;
    uint32_t http_count;  /* of https, */
    uint32_t http_turned; /* and of these, how many are only told that they are too many */
    bool draining;
    struct event changed;
};

extern const struct server_front net_front;

/* True when this build has an HTTP parser. */
bool net_has_http(void);
