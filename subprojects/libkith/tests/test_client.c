/* Runs the client against scripted servers. Answers arrive whole, in pieces, in another order, with
 * errors, or not at all. */
#include "fake_server.h"

#include <kith/kith.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct kith *open_good(const char *address)
{
    char error[320] = "";
    struct kith *k;
    cr_assert_eq(kith_open(address, &k, error, sizeof(error)), 0, "%s", error);
    return k;
}

static const float query[] = {1, 2, 3, 4};
static const struct kith_search search_two = {
    .collection = "c", .queries = query, .count = 2, .dim = 2, .k = 1, .with_vectors = true, .with_payloads = true};
static const struct kith_search search_one = {.collection = "c", .queries = query, .count = 1, .dim = 2, .k = 1};

static void expect_two(const struct kith_result *r)
{
    cr_assert_eq(r->queries, 2);
    cr_assert_eq(r->count, 2);
    cr_assert(r->counts[0] == 1 && r->counts[1] == 1);
    cr_assert(r->ids[0].lo == 70 && r->ids[1].lo == 71 && r->ids[0].hi == 0);
    cr_assert(r->scores[0] == 0 && r->scores[1] == 1);
    cr_assert(r->vectors[0] == 0 && r->vectors[1] == 1 && r->vectors[2] == 1 && r->vectors[3] == 2);
    cr_assert_str_eq(r->payloads[1], "{\"i\":1}");
    cr_assert_eq(r->payload_sizes[1], 7);
}

static void script_wait(int fd)
{
    static struct fake_frame f;
    while (fake_read(fd, &f))
        ;
}

Test(client, the_greeting_tells_what_the_server_is)
{
    struct kith *k = open_good(fake_start(script_wait, true));
    cr_assert_str_eq(kith_server(k), "kithd 9.9");
    cr_assert_eq(kith_requests_max(k), 128);
    cr_assert_eq(kith_reactors(k), 3);
    kith_close(k);
    fake_join();
}

static void script_split(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    for (size_t cut = 0; fake_read(fd, &f); cut++) {
        cr_assert_eq(f.header.op, KITH_OP_SEARCH);
        cr_assert_eq(f.header.block_bytes, sizeof(query));
        cr_assert_arr_eq(f.block, query, sizeof(query));
        size_t n = fake_points_make(out, &f.header, 2, 70, true, true);
        if (cut > n)
            cut = 0;
        fake_send(fd, out, cut);
        usleep(300); /* so that the client reads the first piece alone */
        fake_send(fd, out + cut, n - cut);
    }
}

Test(client, an_answer_may_be_cut_at_any_byte)
{
    struct kith *k = open_good(fake_start(script_split, true));
    for (int i = 0; i < 260; i++) {
        struct kith_result r;
        cr_assert_eq(kith_search(k, &search_two, &r), 0, "%s", kith_error(k));
        expect_two(&r);
    }
    kith_close(k);
    fake_join();
}

static uint64_t real_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void script_each(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    while (fake_read(fd, &f))
        fake_send(fd, out, fake_points_make(out, &f.header, 2, 70, true, true));
}

/* Each answer is read 20 ms after it arrived. The kernel begins to stamp packets some time after it
 * was asked to, so the first few answers may have time 0. */
Test(client, the_kernel_tells_when_an_answer_came)
{
    struct kith *k = open_good(fake_start(script_each, true));
    struct kith_reply reply;
    const int yes = 1;
    bool stamped = false;
    cr_assert_eq(setsockopt(kith_fd(k), SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)), 0);
    /* SO_TIMESTAMPNS was not yet set when the hello was answered */
    cr_assert_eq(kith_received_ns(k), 0);
    for (int i = 0; i < 100 && !stamped; i++) {
        const uint64_t sent = real_ns();
        cr_assert_gt(kith_start_search(k, &search_two), 0);
        cr_assert_eq(kith_flush(k), 0);
        struct pollfd p = {.fd = kith_fd(k), .events = POLLIN};
        cr_assert_eq(poll(&p, 1, -1), 1);
        const uint64_t there = real_ns();
        usleep(20000);
        cr_assert_eq(kith_next(k, -1, &reply), 1, "%s", kith_error(k));
        const uint64_t at = kith_received_ns(k);
        stamped = at != 0;
        cr_assert(!stamped || (at >= sent && at <= there));
    }
    cr_assert(stamped);
    kith_close(k);
    fake_join();
}

static void on_signal(int number)
{
    (void)number;
}

Test(client, a_signal_interrupts_nothing)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: every call sees EINTR */
    sigaction(SIGALRM, &action, NULL);
    struct kith *k = open_good(fake_start(script_split, true));
    struct itimerval often = {{0, 150}, {0, 150}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 100; i++) {
        struct kith_result r;
        cr_assert_eq(kith_search(k, &search_two, &r), 0, "%s", kith_error(k));
        expect_two(&r);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    kith_close(k);
    fake_join();
}

#define OUT_OF_ORDER 100

/* Reads all requests, then answers the last first, all in one piece: frames begin at odd bytes. */
static void script_backwards(int fd)
{
    static struct fake_frame f;
    static struct kith_frame_header headers[OUT_OF_ORDER];
    static uint8_t out[OUT_OF_ORDER * 512];
    size_t n = 0;
    for (int i = 0; i < OUT_OF_ORDER; i++) {
        cr_assert(fake_read(fd, &f));
        headers[i] = f.header;
    }
    for (int i = OUT_OF_ORDER - 1; i >= 0; i--)
        n += fake_points_make(out + n, &headers[i], 2, 70, true, true);
    fake_send(fd, out, n);
    script_wait(fd);
}

Test(client, answers_may_come_in_any_order)
{
    struct kith *k = open_good(fake_start(script_backwards, true));
    int64_t ids[OUT_OF_ORDER];
    struct kith_reply reply;
    for (int i = 0; i < OUT_OF_ORDER; i++) {
        ids[i] = kith_start_search(k, &search_two);
        cr_assert_gt(ids[i], i > 0 ? ids[i - 1] : 0);
    }
    cr_assert_eq(kith_in_flight(k), OUT_OF_ORDER);
    /* a synchronous call is refused until all answers are collected */
    cr_assert_eq(kith_ping(k), -KITH_INVALID_ARGUMENT);
    for (int i = OUT_OF_ORDER - 1; i >= 0; i--) {
        cr_assert_eq(kith_next(k, -1, &reply), 1, "%s", kith_error(k));
        cr_assert_eq(reply.request, ids[i]);
        cr_assert_eq(reply.code, 0);
        expect_two(&reply.result);
    }
    cr_assert_eq(kith_in_flight(k), 0);
    cr_assert_eq(kith_next(k, -1, &reply), 0);
    kith_close(k);
    fake_join();
}

/* Answers every second request at once, and the others when 300 have arrived. */
static void script_late(int fd)
{
    static struct fake_frame f;
    static struct kith_frame_header late[150];
    Kith__Upserted m = KITH__UPSERTED__INIT;
    for (int i = 0; i < 300; i++) {
        cr_assert(fake_read(fd, &f));
        m.count = f.header.block_bytes / 8;
        if (i % 2 == 0)
            late[i / 2] = f.header;
        else
            fake_reply(fd, &f.header, &m.base);
    }
    for (int i = 0; i < 150; i++)
        fake_reply(fd, &late[i], &m.base);
    script_wait(fd);
}

Test(client, requests_that_stay_open_long_do_not_hinder_new_ones)
{
    struct kith *k = open_good(fake_start(script_late, true));
    const struct kith_id id = {0, 1};
    const struct kith_points points = {.count = 1, .ids = &id, .vectors = query, .dim = 2};
    bool answered[400] = {false};
    int all = 0;
    struct kith_reply reply;
    for (int i = 0; i < 300; i++) {
        cr_assert_gt(kith_start_upsert(k, "c", &points), 0);
        int timeout = i % 2 == 1 ? 1000000 : 0;
        int rc = kith_next(k, timeout, &reply);
        cr_assert_eq(rc, i % 2);
        if (rc == 1) {
            cr_assert_eq(reply.count, 1);
            cr_assert_not(answered[reply.request]);
            answered[reply.request] = true;
            all++;
        }
    }
    while (kith_next(k, -1, &reply) == 1) {
        cr_assert_not(answered[reply.request]);
        answered[reply.request] = true;
        all++;
    }
    cr_assert_eq(all, 300);
    kith_close(k);
    fake_join();
}

static void script_busy(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    Kith__Error m = KITH__ERROR__INIT;
    m.text = (char *)"busy";
    m.retry_after_ms = 750;
    cr_assert(fake_read(fd, &f));
    fake_send(fd, out, fake_frame_make(out, &f.header, KITH_FLAG_ERROR, KITH_RESOURCE_EXHAUSTED, &m.base, NULL, 0));
    cr_assert(fake_read(fd, &f));
    fake_reply_error(fd, &f.header, KITH_NOT_FOUND, "no collection is called 'c'");
    script_wait(fd);
}

Test(client, a_refusal_says_when_to_try_again)
{
    struct kith *k = open_good(fake_start(script_busy, true));
    uint64_t count;
    cr_assert_eq(kith_count(k, "c", &count), -KITH_RESOURCE_EXHAUSTED);
    cr_assert_eq(kith_retry_after_ms(k), 750);
    cr_assert_eq(kith_count(k, "c", &count), -KITH_NOT_FOUND);
    cr_assert_eq(kith_retry_after_ms(k), 0, "not that of an error before");
    kith_close(k);
    fake_join();
}

#define REFUSALS 4

/* A server that starts: it refuses the first requests, then counts. */
static void script_starting(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    for (int i = 0; i < REFUSALS && fake_read(fd, &f); i++) {
        Kith__Error m = KITH__ERROR__INIT;
        m.text = (char *)"the server is starting";
        m.retry_after_ms = 60000; /* an estimate; it may be done sooner */
        fake_send(fd, out, fake_frame_make(out, &f.header, KITH_FLAG_ERROR, KITH_UNAVAILABLE, &m.base, NULL, 0));
    }
    Kith__Counted m = KITH__COUNTED__INIT;
    m.count = 5;
    while (fake_read(fd, &f))
        fake_reply(fd, &f.header, &m.base);
}

static void on_wait(void *arg, const char *why)
{
    cr_assert_str_eq(why, "the server is starting");
    ++*(int *)arg;
}

Test(client, a_server_that_starts_is_waited_for)
{
    struct kith *k = open_good(fake_start(script_starting, true));
    uint64_t count = 0;
    int waits = 0;
    kith_patience_set(k, 60000, on_wait, &waits);
    cr_assert_eq(kith_count(k, "c", &count), 0, "%s", kith_error(k));
    cr_assert_eq(count, 5);
    cr_assert_eq(waits, REFUSALS);
    kith_close(k);
    fake_join();
}

Test(client, without_patience_a_server_that_starts_is_an_error)
{
    struct kith *k = open_good(fake_start(script_starting, true));
    uint64_t count = 0;
    kith_patience_set(k, 0, NULL, NULL);
    for (int i = 0; i < REFUSALS; i++)
        cr_assert_eq(kith_count(k, "c", &count), -KITH_UNAVAILABLE);
    cr_assert_eq(kith_count(k, "c", &count), 0);
    kith_close(k);
    fake_join();
}

static void script_all_errors(int fd)
{
    static struct fake_frame f;
    for (uint32_t code = 0; code <= KITH_SERVER_CODES; code++) {
        cr_assert(fake_read(fd, &f));
        fake_reply_error(fd, &f.header, code, "no");
    }
    script_wait(fd);
}

Test(client, every_code_of_the_server_comes_through_and_others_are_internal_errors)
{
    struct kith *k = open_good(fake_start(script_all_errors, true));
    for (int code = 0; code <= KITH_SERVER_CODES; code++)
        cr_assert_eq(kith_ping(k), -(code > 0 && code < KITH_SERVER_CODES ? code : KITH_INTERNAL), "%d", code);
    kith_close(k);
    fake_join();
}

static void script_errors(int fd)
{
    static struct fake_frame f;
    Kith__Pong pong = KITH__PONG__INIT;
    cr_assert(fake_read(fd, &f));
    fake_reply_error(fd, &f.header, KITH_NOT_FOUND, "no collection is called 'c'");
    cr_assert(fake_read(fd, &f));
    fake_reply_error(fd, &f.header, 9999, "");
    cr_assert(fake_read(fd, &f));
    fake_reply(fd, &f.header, &pong.base);
    cr_assert(fake_read(fd, &f));
    fake_reply_error(fd, &f.header, KITH_DEADLINE_EXCEEDED, "too late");
    script_wait(fd);
}

Test(client, an_error_is_a_code_and_a_sentence_and_the_connection_goes_on)
{
    struct kith *k = open_good(fake_start(script_errors, true));
    uint64_t count;
    cr_assert_eq(kith_count(k, "c", &count), -KITH_NOT_FOUND);
    cr_assert_str_eq(kith_error(k), "no collection is called 'c'");
    cr_assert_eq(kith_drop(k, "c"), -KITH_INTERNAL); /* a code that this client does not know */
    cr_assert_str_neq(kith_error(k), "");
    cr_assert_eq(kith_ping(k), 0);
    struct kith_reply reply;
    int64_t id = kith_start_search(k, &search_one);
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert_eq(reply.request, id);
    cr_assert_eq(reply.code, -KITH_DEADLINE_EXCEEDED);
    cr_assert_str_eq(kith_error(k), "too late");
    kith_close(k);
    fake_join();
}

/* Two good answers, then the connection ends within the third. */
static void script_torn(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    for (int i = 0; i < 3; i++) {
        cr_assert(fake_read(fd, &f));
        size_t n = fake_points_make(out, &f.header, 1, 70, false, false);
        fake_send(fd, out, i < 2 ? n : n - 1);
    }
}

Test(client, a_broken_connection_is_reported_after_the_answers_that_came_before)
{
    struct kith *k = open_good(fake_start(script_torn, true));
    struct kith_reply reply;
    for (int i = 0; i < 3; i++)
        cr_assert_gt(kith_start_search(k, &search_one), 0);
    cr_assert_eq(kith_flush(k), 0);
    fake_join(); /* all is sent and closed before the client reads */
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert_eq(kith_next(k, -1, &reply), -KITH_DISCONNECTED);
    cr_assert_not_null(strstr(kith_error(k), "closed the connection"), "%s", kith_error(k));
    cr_assert_eq(kith_next(k, -1, &reply), -KITH_DISCONNECTED);
    cr_assert_lt(kith_start_search(k, &search_one), 0);
    cr_assert_eq(kith_ping(k), -KITH_DISCONNECTED);
    kith_close(k);
}

static void script_close(int fd)
{
    (void)fd;
}

Test(client, writing_to_a_server_that_is_gone_is_an_error_and_no_signal)
{
    struct kith *k = open_good(fake_start(script_close, true));
    fake_join();
    static float rows[100000];
    static struct kith_id ids[50000];
    const struct kith_points points = {.count = 50000, .ids = ids, .vectors = rows, .dim = 2};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(kith_upsert(k, "c", &points), -KITH_DISCONNECTED, "%s", kith_error(k));
    kith_close(k);
}

/* Reads nothing, sends a reason, and closes for writing while the client is still sending. */
static void script_refuses(int fd)
{
    struct kith_frame_header h = {.magic = KITH_MAGIC};
    fake_reply_error(fd, &h, KITH_RESOURCE_EXHAUSTED, "the server has no memory for this connection");
    shutdown(fd, SHUT_WR);
    script_wait(fd);
}

Test(client, what_the_server_says_of_the_whole_connection_is_the_error)
{
    struct kith *k = open_good(fake_start(script_refuses, true));
    usleep(20000);
    static float rows[65536];
    static struct kith_id ids[32768];
    struct kith_points points = {.count = 32768, .ids = ids, .vectors = rows, .dim = 2};
    points.count = 900; /* the fake server accepts 8 KiB of meta at most */
    cr_assert_lt(kith_upsert(k, "c", &points), 0);
    cr_assert_not_null(strstr(kith_error(k), "no memory for this connection"), "%s", kith_error(k));
    cr_assert_lt(kith_ping(k), 0);
    kith_close(k);
    fake_join();
}

static void script_request_seen(int fd)
{
    static struct fake_frame f;
    cr_assert(fake_read(fd, &f));
    cr_assert_eq(f.header.op, KITH_OP_UPSERT);
    Kith__Upsert *u = kith__upsert__unpack(NULL, f.header.meta_bytes, f.meta);
    cr_assert_str_eq(u->collection, "c");
    cr_assert_eq(u->ids->n_numbers, 0);
    cr_assert_eq(u->ids->uuids.len, 32);
    static const uint8_t uuids[32] = {0x55, 0x0e, 0x84, 0, 0xe2, 0x9b, 0x41, 0xd4, 0xa7, 0x16, 0x44,
                                      0x66, 0x55, 0x44, 0, 0,    'K',  'I',  'T',  'H',  'U',  'U',
                                      0,    0,    0,    0, 0,    0,    0,    0,    0,    7};
    cr_assert_arr_eq(u->ids->uuids.data, uuids, 32);
    cr_assert_eq(u->n_payload_sizes, 2);
    cr_assert(u->payload_sizes[0] == 7 && u->payload_sizes[1] == 0);
    cr_assert_eq(u->payloads.len, 7);
    cr_assert_arr_eq(f.block, query, sizeof(query));
    kith__upsert__free_unpacked(u, NULL);
    Kith__Upserted m = KITH__UPSERTED__INIT;
    m.count = 2;
    fake_reply(fd, &f.header, &m.base);
    cr_assert(fake_read(fd, &f));
    cr_assert_eq(f.header.op, KITH_OP_SEARCH);
    cr_assert_eq(f.header.word, 250);
    Kith__Search *s = kith__search__unpack(NULL, f.header.meta_bytes, f.meta);
    cr_assert(s->k == 5 && s->ef == 99 && s->exact && !s->with_vectors && !s->with_payloads);
    cr_assert_eq(s->fan_out, KITH__FAN_OUT__FAN_OUT_ALL);
    kith__search__free_unpacked(s, NULL);
    uint64_t search = f.header.request_id;
    cr_assert(fake_read(fd, &f));
    cr_assert_eq(f.header.op, KITH_OP_CANCEL);
    cr_assert_eq(f.header.request_id, search);
    f.header.op = KITH_OP_SEARCH;
    fake_reply_error(fd, &f.header, KITH_CANCELLED, "cancelled");
    script_wait(fd);
}

Test(client, requests_say_what_was_asked)
{
    struct kith *k = open_good(fake_start(script_request_seen, true));
    const struct kith_id ids[2] = {{0x550e8400e29b41d4, 0xa716446655440000}, {0, 7}};
    const char *const payloads[2] = {"{\"a\":1}", ""};
    const struct kith_points points = {.count = 2, .ids = ids, .vectors = query, .dim = 2, .payloads = payloads};
    cr_assert_eq(kith_upsert(k, "c", &points), 0, "%s", kith_error(k));
    struct kith_search s = {.collection = "c",
                            .queries = query,
                            .count = 1,
                            .dim = 2,
                            .k = 5,
                            .ef = 99,
                            .exact = true,
                            .deadline_ms = 250,
                            .fan_out = KITH_FAN_OUT_ALL};
    int64_t id = kith_start_search(k, &s);
    cr_assert_eq(kith_cancel(k, id), 0);
    struct kith_reply reply;
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert_eq(reply.code, -KITH_CANCELLED);
    cr_assert_eq(kith_cancel(k, id), 0); /* too late, which is no error */
    kith_close(k);
    fake_join();
}

/* The server reads nothing for a while, then everything. The client has to queue requests, and to
 * read meanwhile. */
static void script_slow(int fd)
{
    static struct fake_frame f;
    Kith__Upserted m = KITH__UPSERTED__INIT;
    usleep(50000);
    while (fake_read(fd, &f)) {
        m.count = f.header.block_bytes / (256 * sizeof(float));
        fake_reply(fd, &f.header, &m.base);
    }
}

Test(client, a_slow_server_holds_up_nobody_who_only_starts_requests)
{
    struct kith *k = open_good(fake_start(script_slow, true));
    static float rows[200 * 256];
    static struct kith_id ids[200];
    const struct kith_points points = {.count = 200, .ids = ids, .vectors = rows, .dim = 256};
    for (int i = 0; i < 100; i++) /* 20 MB, far more than the buffers of the sockets hold */
        cr_assert_gt(kith_start_upsert(k, "c", &points), 0, "%s", kith_error(k));
    cr_assert_eq(kith_flush(k), 0);
    struct kith_reply reply;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(kith_next(k, -1, &reply), 1, "%s", kith_error(k));
        cr_assert_eq(reply.count, 200);
    }
    cr_assert_eq(kith_upsert(k, "c", &points), 0, "%s", kith_error(k));
    kith_close(k);
    fake_join();
}

Test(client, a_request_beyond_what_the_server_takes_is_refused_here)
{
    struct kith *k = open_good(fake_start(script_wait, true));
    static float rows[FAKE_FRAME_BYTES_MAX / 4];
    static struct kith_id ids[FAKE_FRAME_BYTES_MAX / 8];
    const struct kith_points points = {.count = FAKE_FRAME_BYTES_MAX / 8, .ids = ids, .vectors = rows, .dim = 2};
    cr_assert_eq(kith_upsert(k, "c", &points), -KITH_INVALID_ARGUMENT);
    cr_assert_not_null(strstr(kith_error(k), "fewer points"), "%s", kith_error(k));
    cr_assert_eq(kith_in_flight(k), 0);
    kith_close(k);
    fake_join();
}

Test(client, waiting_ends_at_the_timeout)
{
    struct kith *k = open_good(fake_start(script_wait, true));
    struct kith_reply reply;
    struct timespec from, to;
    kith_start_search(k, &search_one);
    cr_assert_eq(kith_next(k, 0, &reply), 0);
    clock_gettime(CLOCK_MONOTONIC, &from);
    cr_assert_eq(kith_next(k, 30000, &reply), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    cr_assert(ms >= 29.9, "%g", ms);
    kith_close(k);
    fake_join();
}
