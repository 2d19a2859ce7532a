/* protocol.h -- what the front has to know of a protocol: a table of functions for each. */
#pragma once

#include "net/stream.h"

struct front;
struct front_listener;

struct protocol {
    const char *option; /* of kithd, that says where it listens: for errors */
    /* Serves s until it ends, in a fiber of its own, and closes it. NULL: this build does not have
     * the protocol. */
    void (*serve)(struct front_listener *l, struct stream *s);
    /* Writes what a connection hears for which there is no descriptor or no memory; returns how
     * many bytes. */
    size_t (*farewell)(uint8_t *to, size_t room);
    /* Ends its open connections, at deadline_ns by cancelling what still runs. Its listeners are
     * closed. Waits. */
    void (*drain)(struct front *f, uint64_t deadline_ns);
    /* Bytes of memory that its connections and their requests have. */
    uint64_t (*memory)(const struct front *f);
};

extern const struct protocol protocol_native, protocol_http;
