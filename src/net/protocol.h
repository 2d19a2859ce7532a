/* protocol.h -- the interface between the front and a protocol: a table of functions. */
#pragma once

#include "net/stream.h"

struct front;
struct front_listener;

struct protocol {
    const char *option; /* the option of kithd that sets its address, for errors */
    /* Serves s until it ends, in a fiber of its own, and closes it. NULL: this build does not have
     * the protocol. */
    void (*serve)(struct front_listener *l, struct stream *s);
    /* Writes the bytes that a refused connection gets when descriptors or memory are used up;
     * returns their number. */
    size_t (*farewell)(uint8_t *to, size_t room);
    /* Ends its open connections, by deadline_ns also those with requests under way. The listeners
     * are closed already. Waits. */
    void (*drain)(struct front *f, uint64_t deadline_ns);
    /* Bytes of memory of its connections and their requests. */
    uint64_t (*memory)(const struct front *f);
};

extern const struct protocol protocol_native, protocol_http;
