/* http.h -- /healthz, /readyz and /metrics for monitoring, over plain HTTP/1.1. One request after the other on a connection. */
#pragma once

#include "net/front.h"

/* What a connection hears that is one too many. */
extern const char http_crowded[];

/* Serves c until it ends; arg is the struct front. For listener_open(). */
void http_serve(struct connection *c, void *arg);
/* Bytes that they hold, unread answers among them. */
uint64_t http_memory(const struct front *f);
/* Shuts every connection down; their fibers end soon. */
void http_end_all(struct front *f);
