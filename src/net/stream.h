/* stream.h -- a stream of bytes to and from one peer, encrypted or not, below every protocol.
 *
 * A protocol uses only these functions, so it does not depend on the kind of stream. One fiber may
 * read a stream while another writes it, but not two of a kind. The functions of a kind behave as
 * in reactor/socket.h. */
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

/* Held by value in the connection of its protocol. */
struct stream {
    const struct stream_kind *kind;
    void *state; /* of the kind */
};

/* An unencrypted stream. Takes ownership of c. */
struct stream stream_plain(struct connection *c);

/* Waits for some bytes. Returns 1..capacity, 0 at the end, -ETIME at the deadline (0: none),
 * -ECONNRESET, or -ECANCELED after stream_shutdown(). */
MUST_USE static inline int64_t stream_read(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns)
{
    return s->kind->read(s, bytes, capacity, deadline_ns);
}

/* Sends all slices in order or fails: -EPIPE, -ECONNRESET, -ETIME (the peer does not read). */
MUST_USE static inline int stream_write(struct stream *s, const struct slice *slices, unsigned n, uint64_t deadline_ns)
{
    return s->kind->write(s, slices, n, deadline_ns);
}

/* Ends both directions; a fiber that waits on s resumes. */
static inline void stream_shutdown(struct stream *s)
{
    s->kind->shutdown(s);
}

/* Closes the connection and frees the state of s. Waits. */
static inline void stream_close(struct stream *s)
{
    s->kind->close(s);
}

/* "127.0.0.1:51234"; lives as long as s. */
static inline const char *stream_peer(const struct stream *s)
{
    return s->kind->peer(s);
}
