/* Tests hostile bytes and frames, incomplete frames, many frames at once, and invalid texts and
 * numbers in frames. */
#include "scenario.h"

#include <string.h>

NATIVE_TEST(native_frames, an_unknown_operation_and_a_wrong_meta_leave_the_connection_up)
{
    struct client c = opened(s);
    float block[20] = {0};
    expect_refused(&c, client_call(&c, 99, NULL, block, sizeof(block), NULL), ERROR_INVALID_ARGUMENT, "99");
    uint8_t frame[KITH_HEADER_BYTES + 3];
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_COUNT, 0, 5, 3, 0, 0};
    memcpy(frame, &h, sizeof(h));
    memset(frame + KITH_HEADER_BYTES, 0xff, 3);
    struct client_reply r;
    cr_assert_eq(client_send_bytes(&c, frame, sizeof(frame)), 0);
    int rc = client_receive(&c, &r);
    cr_assert_eq(r.header.request_id, 5);
    client_reply_fini(&r);
    expect_refused(&c, rc, ERROR_INVALID_ARGUMENT, "Count");
    expect_refused(&c, client_call(&c, KITH_OP_PING, NULL, block, 64, NULL), ERROR_INVALID_ARGUMENT, "block");
    client_close(&c);
}

static void expect_end(struct client *c, enum error_code code, const char *word)
{
    struct client_reply r;
    int rc = client_receive(c, &r);
    client_reply_fini(&r);
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d", rc);
    cr_assert(strstr(c->error, word), "'%s' does not say '%s'", c->error, word);
    cr_assert_lt(client_receive(c, &r), 0);
    client_reply_fini(&r);
    client_close(c);
}

NATIVE_TEST(native_frames, garbage_gets_a_protocol_error_and_the_end)
{
    struct client c;
    cr_assert_eq(client_connect(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_send_bytes(&c, "hello server, how are you?", 26), 0);
    expect_end(&c, ERROR_PROTOCOL, "KITH");
    c = opened(s);
    cr_assert_eq(client_send_bytes(&c, "GET / HTTP/1.1\r\n\r\n", 18), 0);
    expect_end(&c, ERROR_PROTOCOL, "HTTP");
    c = opened(s);
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_UPSERT, 0, 5, 10, 0, (uint64_t)1 << 40};
    cr_assert_eq(client_send_bytes(&c, &h, sizeof(h)), 0);
    expect_end(&c, ERROR_PROTOCOL, "larger than the limit");
    c = opened(s);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

NATIVE_TEST(native_frames, the_first_frame_must_be_a_hello_that_fits)
{
    struct client c;
    cr_assert_eq(client_connect(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_send(&c, KITH_OP_PING, 1, 0, NULL, NULL, 0), 0);
    expect_end(&c, ERROR_PROTOCOL, "hello");
    Kith__Hello hello = KITH__HELLO__INIT;
    hello.version_min = 2;
    hello.version_max = 3;
    cr_assert_eq(client_connect(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_send(&c, KITH_OP_HELLO, 1, 0, &hello.base, NULL, 0), 0);
    expect_end(&c, ERROR_VERSION, "version 1");
    hello.version_min = hello.version_max = 0;
    cr_assert_eq(client_connect(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_send(&c, KITH_OP_HELLO, 1, 0, &hello.base, NULL, 0), 0);
    expect_end(&c, ERROR_VERSION, "newer client");
}

NATIVE_TEST(native_frames, truncated_frames_do_no_harm)
{
    struct client whole = opened(s);
    fill_collection(&whole, "a", 5);
    uint8_t frame[256] = {0};
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_UPSERT, 0, 5, 40, 0, 16 * 4};
    memcpy(frame, &h, sizeof(h));
    for (size_t n = 1; n < 190; n += 17) {
        struct client c = opened(s);
        cr_assert_eq(client_send_bytes(&c, frame, n), 0);
        client_close(&c);
    }
    uint64_t count = 0;
    cr_assert_eq(client_count(&whole, "a", &count), 0);
    cr_assert_eq(count, 5);
    client_close(&whole);
}

NATIVE_TEST(native_frames, many_requests_are_in_flight_and_all_are_answered_once)
{
    enum { N = 600 }; /* more than a connection may have in flight */
    struct client c = opened(s);
    fill_collection(&c, "a", 50);
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 3;
    float q[4] = {1, 2, 3, 4};
    static bool answered[N];
    memset(answered, 0, sizeof(answered));
    for (uint64_t i = 0; i < N; i++)
        cr_assert_eq(client_send(&c, i % 2 ? KITH_OP_SEARCH : KITH_OP_PING, i, 0, i % 2 ? &search.base : NULL, q,
                                 i % 2 ? 16 : 0),
                     0);
    for (int i = 0; i < N; i++) {
        struct client_reply r;
        cr_assert_eq(client_receive(&c, &r), 0, "%s", c.error);
        cr_assert_lt(r.header.request_id, N);
        cr_assert_not(answered[r.header.request_id]);
        answered[r.header.request_id] = true;
        client_reply_fini(&r);
    }
    client_close(&c);
}

NATIVE_TEST(native_frames, a_client_that_leaves_with_requests_in_flight_is_forgotten)
{
    struct client stays = opened(s);
    fill_collection(&stays, "a", 50);
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 3;
    float q[4] = {1, 2, 3, 4};
    for (int round = 0; round < 5; round++) {
        struct client c = opened(s);
        for (uint64_t i = 0; i < 50; i++)
            cr_assert_eq(client_send(&c, KITH_OP_SEARCH, i, 0, &search.base, q, 16), 0);
        cr_assert_eq(client_send(&c, KITH_OP_CANCEL, 3, 0, NULL, NULL, 0), 0);
        client_close(&c);
    }
    cr_assert_eq(client_ping(&stays), 0);
    client_close(&stays);
}

/* -- texts and numbers -- */

/* A NUL inside a name would make it the name of another collection. Cut to 32 bits, a number would
 * be another one. Both must be refused. */
static void odd_fields(struct server *s)
{
    static const struct {
        uint16_t op;
        uint8_t meta[16];
        uint32_t size;
        const char *word;
    } asks[] = {
        {KITH_OP_DROP, {10, 3, 'a', 0, 'b'}, 5, "NUL"},
        {KITH_OP_DROP, {10, 2, 'a', 0xc3}, 4, "UTF-8"},
        {KITH_OP_CREATE, {10, 7, 10, 3, 'c', 0, 'b', 16, 4}, 9, "NUL"},
        {KITH_OP_DELETE, {10, 3, 'a', 0, 'b'}, 5, "NUL"},
        {KITH_OP_COUNT, {10, 3, 'a', 0, 'b'}, 5, "NUL"},
        {KITH_OP_SEAL, {10, 3, 'a', 0, 'b'}, 5, "NUL"},
        {KITH_OP_CONFIG_GET, {10, 3, 'a', 0, 'b'}, 5, "NUL"},
        /* a k and a size of 2^32 + 1, whose lowest 32 bits are 1 */
        {KITH_OP_SEARCH, {10, 1, 'a', 16, 0x81, 0x80, 0x80, 0x80, 0x10}, 9, "\"k\" of the request is 4294967297"},
        {KITH_OP_UPSERT, {10, 1, 'a', 34, 5, 0x81, 0x80, 0x80, 0x80, 0x10}, 10, "\"payload_sizes\""},
        {KITH_OP_UPSERT, {10, 1, 'a', 32, 0x81, 0x80, 0x80, 0x80, 0x10}, 9, "\"payload_sizes\""},
    };
    struct client c = opened(s);
    fill_collection(&c, "a", 3);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        const struct kith_frame_header h = {KITH_MAGIC, asks[i].op, 0, 7, asks[i].size, 0, 0};
        struct client_reply r;
        cr_assert_eq(client_send_bytes(&c, &h, sizeof(h)), 0);
        cr_assert_eq(client_send_bytes(&c, asks[i].meta, asks[i].size), 0);
        expect_refused(&c, client_receive(&c, &r), ERROR_INVALID_ARGUMENT, asks[i].word);
        client_reply_fini(&r);
    }
    cr_assert_eq(client_drop(&c, "a"), 0, "the collection must still be there");
    client_close(&c);
}

Test(native_frames, a_text_or_a_number_that_would_be_cut_is_refused)
{
    harness_run(BACKEND_SIM, 1, odd_fields);
}
