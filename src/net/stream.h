/* stream.h -- bytes to and from one peer: what every protocol stands on, encrypted or not.
 *
 * A protocol uses these functions only, so it does not know which kind of stream it has. Reading
 * and writing may go on at once from two fibers, but only one of each kind. The functions of a
 * kind behave as those of reactor/socket.h say. */
#pragma once

#include "reactor/socket.h"

struct stream;

struct stream_kind {
    const char *name;
    int64_t (*read)(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns);
    int (*write)(struct stream *s, const struct slice *slices, unsigned n, uint64_t deadline_ns);
    void (*shutdown)(struct stream *s);
    void (*close)(struct stream *s);
    const char *(*peer)(const struct stream *s);
};

/* By value where its protocol keeps it. */
struct stream {
    const struct stream_kind *kind;
    void *state; /* the kind's */
};

/* Bytes as they are. Takes over c. */
struct stream stream_plain(struct connection *c);

/* Waits for some bytes: 1..capacity, 0 at the end, -ETIME at the deadline (0: none), -ECONNRESET,
 * -ECANCELED after stream_shutdown(). */
MUST_USE static inline int64_t stream_read(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns)
{
    return s->kind->read(s, bytes, capacity, deadline_ns);
}

/* Sends all slices in order or fails: -EPIPE, -ECONNRESET, -ETIME (the peer does not read). */
MUST_USE static inline int stream_write(struct stream *s, const struct slice *slices, unsigned n, uint64_t deadline_ns)
{
    return s->kind->write(s, slices, n, deadline_ns);
}

/* Both directions; a fiber that waits on s comes back. */
static inline void stream_shutdown(struct stream *s)
{
    s->kind->shutdown(s);
}

/* Frees what s has. Waits. */
static inline void stream_close(struct stream *s)
{
    s->kind->close(s);
}

/* "127.0.0.1:51234", lives with s. */
static inline const char *stream_peer(const struct stream *s)
{
    return s->kind->peer(s);
}
