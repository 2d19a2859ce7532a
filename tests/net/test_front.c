/* Tests what protocols build on: a protocol works over any kind of stream, and clients can connect
 * at every address of the list of listeners. */
#include "kith.pb-c.h"
#include "net/front.h"
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

/* -- a stream in memory -- */

struct tape {
    uint8_t in[1024], out[4096];
    size_t in_at, in_size, out_size;
    bool closed, shut;
};

static int64_t tape_read(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns)
{
    struct tape *t = s->state;
    size_t n = t->in_size - t->in_at;
    n = n < 7 ? n : 7; /* hands out small pieces */
    n = n < capacity ? n : capacity;
    memcpy(bytes, t->in + t->in_at, n);
    t->in_at += n;
    fiber_yield();
    return (int64_t)n;
}

static int tape_write(struct stream *s, const struct slice *slices, unsigned n, uint64_t deadline_ns)
{
    struct tape *t = s->state;
    for (unsigned i = 0; i < n; i++) {
        cr_assert_leq(t->out_size + slices[i].size, sizeof(t->out));
        memcpy(t->out + t->out_size, slices[i].bytes, slices[i].size);
        t->out_size += slices[i].size;
    }
    return 0;
}

static void tape_shutdown(struct stream *s)
{
    ((struct tape *)s->state)->shut = true;
}

static void tape_close(struct stream *s)
{
    ((struct tape *)s->state)->closed = true;
}

static const char *tape_peer(const struct stream *s)
{
    return "tape";
}

static const struct stream_kind tape_kind = {"tape", tape_read, tape_write, tape_shutdown, tape_close, tape_peer};

/* The first listener of the protocol serves the tape. */
static void play(struct server *s, const struct protocol *protocol, struct tape *t)
{
    struct front *f = server_core(s)->front;
    struct stream stream = {&tape_kind, t};
    for (unsigned i = 0; i < f->listener_count; i++)
        if (f->listeners[i].protocol == protocol) {
            protocol->serve(&f->listeners[i], &stream);
            break;
        }
    cr_assert(t->closed, "the protocol must close a stream that it served");
    cr_assert_eq(t->in_at, t->in_size, "the protocol must read the whole stream");
}

static void put_frame(struct tape *t, uint16_t op, uint64_t id, const ProtobufCMessage *meta)
{
    const size_t meta_bytes = protobuf_c_message_get_packed_size(meta);
    const struct kith_frame_header h = {
        .magic = KITH_MAGIC, .op = op, .request_id = id, .meta_bytes = (uint32_t)meta_bytes};
    memcpy(t->in + t->in_size, &h, sizeof(h));
    protobuf_c_message_pack(meta, t->in + t->in_size + sizeof(h));
    t->in_size += sizeof(h) + meta_bytes;
}

NATIVE_TEST(front, the_native_protocol_speaks_over_any_stream)
{
    static struct tape t;
    t = (struct tape){0};
    Kith__Hello hello = KITH__HELLO__INIT;
    hello.version_min = hello.version_max = KITH_PROTOCOL_VERSION;
    hello.client = "tape";
    Kith__Ping ping = KITH__PING__INIT;
    put_frame(&t, KITH_OP_HELLO, 1, &hello.base);
    put_frame(&t, KITH_OP_PING, 2, &ping.base);
    play(s, &protocol_native, &t);
    struct kith_frame_header h;
    size_t at = 0;
    for (uint64_t id = 1; id <= 2; id++) {
        cr_assert_leq(at + sizeof(h), t.out_size, "answer %d is missing", (int)id);
        memcpy(&h, t.out + at, sizeof(h));
        cr_assert(h.magic == KITH_MAGIC && h.request_id == id && h.flags == KITH_FLAG_REPLY && h.word == 0);
        at += sizeof(h) + h.meta_bytes;
    }
    cr_assert_eq(at, t.out_size);
}

NATIVE_TEST(front, http_speaks_over_any_stream)
{
    static const char ask[] = "GET /healthz HTTP/1.0\r\n\r\n", status[] = "HTTP/1.1 200 OK\r\n";
    static struct tape t;
    if (!net_has_http())
        return;
    t = (struct tape){.in_size = sizeof(ask) - 1};
    memcpy(t.in, ask, sizeof(ask) - 1);
    play(s, &protocol_http, &t);
    cr_assert_eq(memcmp(t.out, status, sizeof(status) - 1), 0, "%.60s", (const char *)t.out);
}

/* -- listeners -- */

NATIVE_TEST(front, clients_come_in_at_every_address_of_the_list)
{
    struct client first, second;
    cr_assert_eq(s->options.listeners[2].protocol, PROTOCOL_NATIVE);
    cr_assert(s->ports[0] && s->ports[2] && (s->ports[1] || !net_has_http()), "each listener must have a port");
    cr_assert_neq(s->ports[0], s->ports[2]);
    cr_assert_eq(server_port(s, PROTOCOL_NATIVE), s->ports[0], "of several native listeners the first counts");
    cr_assert_eq(client_open(&first, s->ports[0]), 0);
    cr_assert_eq(client_open(&second, s->ports[2]), 0);
    fill_collection(&first, "shared", 10);
    uint64_t n = 0;
    cr_assert_eq(client_count(&second, "shared", &n), 0);
    cr_assert_eq(n, 10u);
    client_close(&first);
    client_close(&second);
}
