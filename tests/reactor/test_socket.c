/* test_socket.c -- byte streams: sent bytes arrive, ends are seen, deadlines hold, and closing
 * wakes waiting fibers. */
#include "reactor/fibers/sync.h"
#include "reactor/reactor.h"
#include "reactor/socket.h"
#include "world.h"
#include <stdlib.h>
#include <string.h>

TestSuite(socket, .timeout = 30);

#define HOST "127.0.0.1"

/* How many connections are being served, so that a test ends when they have. */
struct service {
    struct listener *listener;
    struct gate gate;
    unsigned served;
};

static uint64_t soon(void)
{
    return clock_now_ns() + SECONDS(20);
}

static void send_all(struct connection *c, const void *bytes, size_t size)
{
    want_eq(connection_send(c, &(struct slice){bytes, size}, 1, soon()), 0);
}

static void echo(struct connection *c, void *arg)
{
    struct service *s = arg;
    char bytes[4096];
    int64_t n;
    want_eq(gate_enter(&s->gate), 0);
    while ((n = connection_receive(c, bytes, 1 + random_u64() % sizeof(bytes), soon())) > 0)
        send_all(c, bytes, (size_t)n);
    want_eq(n, 0);
    s->served++;
    connection_close(c);
    gate_leave(&s->gate);
}

static void service_open(struct service *s, connection_fn serve)
{
    want_eq(listener_open(HOST, 0, serve, s, &s->listener), 0);
    want(listener_port(s->listener) > 0);
}

static void service_close(struct service *s)
{
    listener_close(s->listener);
    gate_close(&s->gate);
}

static struct connection *dial(const struct service *s)
{
    struct connection *c;
    want_eq(connection_open(HOST, listener_port(s->listener), &c), 0);
    return c;
}

/* -- bytes -- */

#define MEGABYTE ((size_t)1 << 20)

struct transfer {
    struct connection *c;
    uint8_t *bytes;
};

static void send_in_pieces(void *arg)
{
    struct transfer *t = arg;
    size_t sent = 0;
    while (sent < MEGABYTE) {
        struct slice slices[3];
        unsigned n = 0;
        for (; n < 3 && sent < MEGABYTE; n++) {
            size_t piece = random_u64() % 30000; /* an empty one now and then */
            piece = piece < MEGABYTE - sent ? piece : MEGABYTE - sent;
            slices[n] = (struct slice){t->bytes + sent, random_u64() % 8 ? piece : 0};
            sent += slices[n].size;
        }
        want_eq(connection_send(t->c, slices, n, soon()), 0);
    }
}

static void echo_a_megabyte(void *arg)
{
    struct service s = {0};
    struct transfer t = {.bytes = malloc(MEGABYTE)};
    uint8_t *back = malloc(MEGABYTE);
    want(t.bytes && back);
    for (size_t i = 0; i < MEGABYTE; i += 8)
        memcpy(t.bytes + i, &(uint64_t){random_u64()}, 8);
    service_open(&s, echo);
    t.c = dial(&s);
    want(strncmp(connection_peer(t.c), HOST ":", sizeof(HOST)) == 0);
    want_eq(fiber_start(CLASS_INTERACTIVE, send_in_pieces, &t, "sender"), 0);
    for (size_t have = 0; have < MEGABYTE;) {
        int64_t n = connection_receive(t.c, back + have, MEGABYTE - have, soon());
        want(n > 0);
        have += (size_t)n;
    }
    want(memcmp(t.bytes, back, MEGABYTE) == 0);
    connection_close(t.c);
    service_close(&s);
    want_eq(s.served, 1);
    free(t.bytes);
    free(back);
}

EVERYWHERE(socket, a_megabyte_comes_back_in_order)
{
    world_run_well(backend, 1, echo_a_megabyte, NULL);
}

static void more_than_fits(struct connection *c, void *arg)
{
    struct service *s = arg;
    static const char bytes[5000] = "last words";
    want_eq(gate_enter(&s->gate), 0);
    send_all(c, bytes, sizeof(bytes));
    connection_close(c);
    gate_leave(&s->gate);
}

static void read_to_the_end(void *arg)
{
    struct service s = {0};
    char bytes[700];
    int64_t n, all = 0;
    service_open(&s, more_than_fits);
    struct connection *c = dial(&s);
    while ((n = connection_receive(c, bytes, sizeof(bytes), soon())) > 0)
        all += n;
    want_eq(n, 0);
    want_eq(all, 5000);
    want_eq(connection_receive(c, bytes, sizeof(bytes), soon()), 0); /* and it stays the end */
    connection_close(c);
    service_close(&s);
}

EVERYWHERE(socket, what_was_sent_before_the_end_arrives_before_it)
{
    world_run_well(backend, 1, read_to_the_end, NULL);
}

/* -- deadlines -- */

static void silent(struct connection *c, void *arg)
{
    struct service *s = arg;
    want_eq(gate_enter(&s->gate), 0);
    while (!s->gate.closed)
        fiber_sleep_ns(MILLIS(1));
    connection_close(c);
    gate_leave(&s->gate);
}

static void receive_nothing(void *arg)
{
    struct service s = {0};
    char byte;
    service_open(&s, silent);
    struct connection *c = dial(&s);
    uint64_t deadline = clock_now_ns() + MILLIS(5);
    want_eq(connection_receive(c, &byte, 1, deadline), -ETIME);
    want(clock_now_ns() >= deadline);
    want_eq(connection_receive(c, &byte, 1, 1), -ETIME); /* long past */
    service_close(&s);
    want_eq(connection_receive(c, &byte, 1, soon()), 0); /* the connection itself is well */
    connection_close(c);
}

EVERYWHERE(socket, receiving_ends_at_the_deadline)
{
    world_run_well(backend, 1, receive_nothing, NULL);
}

static void send_to_the_deaf(void *arg)
{
    struct service s = {0};
    char *much = calloc(1, 4 * MEGABYTE);
    want(much);
    service_open(&s, silent);
    struct connection *c = dial(&s);
    struct slice slices[16];
    for (unsigned i = 0; i < ARRAY_LEN(slices); i++)
        slices[i] = (struct slice){much, 4 * MEGABYTE};
    uint64_t deadline = clock_now_ns() + MILLIS(50);
    want_eq(connection_send(c, slices, ARRAY_LEN(slices), deadline), -ETIME);
    want(clock_now_ns() >= deadline);
    connection_close(c);
    service_close(&s);
    free(much);
}

EVERYWHERE(socket, sending_to_a_peer_that_does_not_read_times_out)
{
    world_run_well(backend, 1, send_to_the_deaf, NULL);
}

/* -- ends -- */

static void dial_a_closed_port(void *arg)
{
    struct service s = {0};
    struct connection *c;
    service_open(&s, silent);
    uint16_t port = listener_port(s.listener);
    service_close(&s);
    want_eq(connection_open(HOST, port, &c), -ECONNREFUSED);
    want_eq(connection_open("not an address", port, &c), -EADDRNOTAVAIL);
    want_eq(listener_open("not an address", port, silent, &s, &s.listener), -EADDRNOTAVAIL);
}

EVERYWHERE(socket, nobody_listening_is_refused)
{
    world_run_well(backend, 1, dial_a_closed_port, NULL);
}

struct reader {
    struct connection *c;
    int64_t rc;
    bool back;
};

static void read_forever(void *arg)
{
    struct reader *r = arg;
    char byte;
    r->rc = connection_receive(r->c, &byte, 1, 0);
    r->back = true;
}

static void shut_down_a_reader(void *arg)
{
    struct service s = {0};
    char byte;
    service_open(&s, echo);
    struct reader r = {.c = dial(&s)};
    want_eq(fiber_start(CLASS_INTERACTIVE, read_forever, &r, "reader"), 0);
    fiber_sleep_ns(MILLIS(2));
    want(!r.back);
    connection_shutdown(r.c);
    while (!r.back)
        fiber_sleep_ns(MILLIS(1));
    want_eq(r.rc, -ECANCELED);
    want_eq(connection_receive(r.c, &byte, 1, soon()), -ECANCELED);
    want_eq(connection_send(r.c, &(struct slice){"x", 1}, 1, soon()), -ECANCELED);
    connection_close(r.c);
    service_close(&s);
    want_eq(s.served, 1); /* the peer saw the end of the stream */
}

EVERYWHERE(socket, shutdown_brings_a_waiting_reader_back)
{
    world_run_well(backend, 1, shut_down_a_reader, NULL);
}

static void send_to_the_dead(void *arg)
{
    struct service s = {0};
    char byte;
    service_open(&s, more_than_fits);
    struct connection *c = dial(&s);
    while (connection_receive(c, &byte, 1, soon()) > 0)
        ;
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) { /* the first ones may still be taken by the kernel */
        rc = connection_send(c, &(struct slice){"anybody?", 8}, 1, soon());
        fiber_sleep_ns(MILLIS(1));
    }
    want(rc == -EPIPE || rc == -ECONNRESET);
    connection_close(c);
    service_close(&s);
}

EVERYWHERE(socket, sending_to_a_peer_that_is_gone_fails)
{
    world_run_well(backend, 1, send_to_the_dead, NULL);
}

static void close_the_listener(void *arg)
{
    struct service s = {0};
    struct connection *late;
    char bytes[8];
    service_open(&s, echo);
    uint16_t port = listener_port(s.listener);
    struct connection *c = dial(&s);
    send_all(c, "a", 1);
    want_eq(connection_receive(c, bytes, sizeof(bytes), soon()), 1); /* so it has been accepted */
    listener_close(s.listener);
    want_eq(connection_open(HOST, port, &late), -ECONNREFUSED);
    send_all(c, "b", 1);
    want_eq(connection_receive(c, bytes, sizeof(bytes), soon()), 1);
    want_eq(bytes[0], 'b');
    connection_close(c);
    gate_close(&s.gate);
}

EVERYWHERE(socket, closing_a_listener_leaves_its_connections_alone)
{
    world_run_well(backend, 1, close_the_listener, NULL);
}

/* -- more connections than may be -- */

#define FAREWELL "come again"

static void expect_farewell(struct connection *c)
{
    char bytes[32];
    size_t n = 0;
    int64_t got;
    while ((got = connection_receive(c, bytes + n, sizeof(bytes) - n, soon())) > 0)
        n += (size_t)got;
    want_eq(got, 0); /* an end, no reset */
    want(n == strlen(FAREWELL) && memcmp(bytes, FAREWELL, n) == 0);
    connection_close(c);
}

static void turn_away(void *arg)
{
    struct service s = {0};
    char byte = 'x';
    struct connection *others[20], *served, *silent_one;
    service_open(&s, echo);
    listener_set_farewell(s.listener, FAREWELL, strlen(FAREWELL));
    served = dial(&s);
    send_all(served, &byte, 1);
    want_eq(connection_receive(served, &byte, 1, soon()), 1);
    reactor_here()->rt->connections_max = 1;
    for (unsigned i = 0; i < 20; i++) {
        others[i] = dial(&s);
        send_all(others[i], &byte, 1); /* which is never read */
    }
    for (unsigned i = 0; i < 20; i++)
        expect_farewell(others[i]);
    send_all(served, &byte, 1);
    want_eq(connection_receive(served, &byte, 1, soon()), 1);
    silent_one = dial(&s);
    const uint64_t began_ns = clock_now_ns();
    struct connection *next = dial(&s);
    expect_farewell(next); /* who neither reads nor closes holds up others no longer than this: */
    want(clock_now_ns() - began_ns >= MILLIS(8));
    connection_close(silent_one);
    silent_one = dial(&s);
    fiber_sleep_ns(MILLIS(10));
    connection_close(served);
    service_close(&s);
    connection_close(silent_one);
}

EVERYWHERE(socket, who_cannot_be_served_is_told_so)
{
    world_run_well(backend, 1, turn_away, NULL);
}

/* -- one address, several reactors -- */

#define CALLS 40

static struct {
    _Atomic unsigned port, listening, served, done;
} shop;

static void serve_customer(struct connection *c, void *arg)
{
    char id = (char)('0' + reactor_id());
    send_all(c, &id, 1);
    shop.served++;
    connection_close(c);
}

static void open_branch(void *arg)
{
    struct listener *l;
    while (reactor_id() > 0 && !shop.port)
        fiber_sleep_ns(MILLIS(1));
    want_eq(listener_open(HOST, (uint16_t)shop.port, serve_customer, NULL, &l), 0);
    shop.port = listener_port(l);
    shop.listening++;
    while (shop.listening < reactor_count())
        fiber_sleep_ns(MILLIS(1));
    for (int i = 0; i < CALLS; i++) {
        struct connection *c;
        char id = 0;
        want_eq(connection_open(HOST, (uint16_t)shop.port, &c), 0);
        want_eq(connection_receive(c, &id, 1, soon()), 1);
        want(id == '0' || id == '1');
        connection_close(c);
    }
    shop.done++;
    while (shop.done < reactor_count())
        fiber_sleep_ns(MILLIS(1));
    listener_close(l);
}

EVERYWHERE(socket, reactors_share_an_address)
{
    world_run_well(backend, 2, open_branch, NULL);
    cr_assert_eq(shop.served, 2 * CALLS);
}
