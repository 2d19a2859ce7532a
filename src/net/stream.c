/* stream.c -- the unencrypted kind of stream: a TCP connection of the reactor. */
#include "net/stream.h"

static int64_t plain_read(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns)
{
    return connection_receive(s->state, bytes, capacity, deadline_ns);
}

static int plain_write(struct stream *s, const struct slice *slices, unsigned n, uint64_t deadline_ns)
{
    return connection_send(s->state, slices, n, deadline_ns);
}

static void plain_shutdown(struct stream *s)
{
    connection_shutdown(s->state);
}

static void plain_close(struct stream *s)
{
    connection_close(s->state);
}

static const char *plain_peer(const struct stream *s)
{
    return connection_peer(s->state);
}

static const struct stream_kind plain = {
    .name = "plain",
    .read = plain_read,
    .write = plain_write,
    .shutdown = plain_shutdown,
    .close = plain_close,
    .peer = plain_peer,
};

struct stream stream_plain(struct connection *c)
{
    return (struct stream){&plain, c};
}
