/* The native protocol against a whole server: right requests, wrong requests, hostile bytes. Each scenario runs on the simulator
 * with one and with three reactors, and on this machine. */
#include "client.h"
#include "harness.h"
#include "reactor/sim.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NATIVE_TEST(name)                                                                                              \
    static void name(struct server *s);                                                                                \
    Test(native, name)                                                                                                 \
    {                                                                                                                  \
        harness_run(BACKEND_SIM, 1, name);                                                                             \
        harness_run(BACKEND_SIM, 3, name);                                                                             \
        harness_run(BACKEND_AUTO, 2, name);                                                                            \
    }                                                                                                                  \
    static void name(struct server *s)

static struct client opened(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, s->port), 0);
    return c;
}

static void expect_refused(struct client *c, int rc, enum error_code code, const char *word)
{
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert(strstr(c->error, word), "'%s' does not say '%s'", c->error, word);
    cr_assert_eq(client_ping(c), 0, "the connection goes on after '%s'", c->error);
}

static void fill(float *v, uint64_t id)
{
    for (int d = 0; d < 4; d++)
        v[d] = (float)((id * 7 + (uint64_t)d * 13) % 101);
}

static void fill_collection(struct client *c, const char *name, uint32_t n)
{
    uint64_t *ids = malloc(n * sizeof *ids);
    float *v = malloc(n * 4 * sizeof *v);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = i;
        fill(v + i * 4, i);
    }
    cr_assert_eq(client_create(c, name, 4, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(c, name, ids, n, v, 4), 0, "%s", c->error);
    free(ids);
    free(v);
}

NATIVE_TEST(what_is_written_is_found_counted_and_deleted)
{
    struct client c = opened(s);
    fill_collection(&c, "a", 100);
    uint64_t count = 0, found[5], deleted = 0, three[3] = {3, 4, 1000};
    float scores[5], q[4], vectors[12];
    uint32_t n = 0;
    cr_assert_eq(client_count(&c, "a", &count), 0);
    cr_assert_eq(count, 100);
    fill(q, 42);
    for (int exact = 0; exact < 2; exact++) {
        cr_assert_eq(client_search(&c, "a", q, 4, 5, exact, found, scores, &n), 0);
        cr_assert_eq(n, 5);
        cr_assert_eq(found[0], 42);
        cr_assert_eq(scores[0], 0);
        cr_assert(scores[1] <= scores[2] && scores[2] <= scores[3] && scores[3] <= scores[4]);
    }
    cr_assert_eq(client_get(&c, "a", three, 3, 4, found, vectors, &n), 0);
    cr_assert_eq(n, 2);
    cr_assert(found[0] == 3 && found[1] == 4);
    fill(q, 4);
    cr_assert_eq(memcmp(vectors + 4, q, sizeof q), 0);
    cr_assert_eq(client_delete(&c, "a", three, 3, &deleted), 0);
    cr_assert_eq(deleted, 2);
    cr_assert_eq(client_count(&c, "a", &count), 0);
    cr_assert_eq(count, 98);
    cr_assert_eq(client_search(&c, "a", q, 4, 1, true, found, scores, &n), 0);
    cr_assert_neq(found[0], 4);
    client_close(&c);
}

NATIVE_TEST(a_new_collection_can_be_used_at_once_on_other_connections)
{
    struct client a = opened(s), others[6];
    for (int i = 0; i < 6; i++)
        others[i] = opened(s);
    fill_collection(&a, "fresh", 10);
    for (int i = 0; i < 6; i++) {
        uint64_t count = 0;
        cr_assert_eq(client_count(&others[i], "fresh", &count), 0, "%s", others[i].error);
        cr_assert_eq(count, 10);
    }
    cr_assert_eq(client_drop(&a, "fresh"), 0);
    for (int i = 0; i < 6; i++) {
        uint64_t count;
        expect_refused(&others[i], client_count(&others[i], "fresh", &count), ERROR_NOT_FOUND, "there are none");
        client_close(&others[i]);
    }
    client_close(&a);
}

NATIVE_TEST(wrong_collections_are_refused_with_a_sentence)
{
    struct client c = opened(s);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    expect_refused(&c, client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), ERROR_ALREADY_EXISTS, "'a'");
    expect_refused(&c, client_create(&c, "b", 0, KITH__METRIC__METRIC_L2), ERROR_INVALID_ARGUMENT, "dim");
    expect_refused(&c, client_create(&c, "b", 65537, KITH__METRIC__METRIC_L2), ERROR_INVALID_ARGUMENT, "dim");
    expect_refused(&c, client_create(&c, "", 4, KITH__METRIC__METRIC_L2), ERROR_INVALID_ARGUMENT, "name");
    expect_refused(&c, client_create(&c, "a/b", 4, KITH__METRIC__METRIC_L2), ERROR_INVALID_ARGUMENT, "name");
    expect_refused(&c, client_create(&c, "b", 4, (Kith__Metric)9), ERROR_INVALID_ARGUMENT, "metric");
    expect_refused(&c, client_drop(&c, "nope"), ERROR_NOT_FOUND, "there are: a");
    client_close(&c);
}

NATIVE_TEST(wrong_points_are_refused_and_change_nothing)
{
    struct client c = opened(s);
    fill_collection(&c, "a", 5);
    uint64_t ids[3] = {7, 8, 9}, count = 0;
    float v[12] = {0};
    v[6] = NAN;
    expect_refused(&c, client_upsert(&c, "a", ids, 3, v, 4), ERROR_INVALID_ARGUMENT, "row 1");
    v[6] = INFINITY;
    expect_refused(&c, client_upsert(&c, "a", ids, 3, v, 4), ERROR_INVALID_ARGUMENT, "row 1");
    v[6] = 0;
    expect_refused(&c, client_upsert(&c, "a", ids, 3, v, 3), ERROR_INVALID_ARGUMENT,
                   "have 3 dimensions; collection 'a' has 4");
    expect_refused(&c, client_upsert(&c, "a", ids, 0, v, 4), ERROR_INVALID_ARGUMENT, "0 ids");
    expect_refused(&c, client_upsert(&c, "none", ids, 3, v, 4), ERROR_NOT_FOUND, "there are: a");
    cr_assert_eq(client_create(&c, "angles", 4, KITH__METRIC__METRIC_COSINE), 0);
    expect_refused(&c, client_upsert(&c, "angles", ids, 1, v, 4), ERROR_INVALID_ARGUMENT, "row 0");
    cr_assert_eq(client_count(&c, "a", &count), 0);
    cr_assert_eq(count, 5);
    Kith__PointIds both = KITH__POINT_IDS__INIT;
    both.numbers = ids;
    both.n_numbers = 1;
    both.uuids = (ProtobufCBinaryData){16, (uint8_t *)v};
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    upsert.collection = (char *)"a";
    upsert.ids = &both;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, 16, NULL), ERROR_INVALID_ARGUMENT, "not both");
    both.n_numbers = 0;
    both.uuids.len = 15;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, 16, NULL), ERROR_INVALID_ARGUMENT, "16");
    client_close(&c);
}

NATIVE_TEST(wrong_payloads_are_refused)
{
    struct client c = opened(s);
    fill_collection(&c, "a", 5);
    uint64_t ids[2] = {7, 8};
    uint32_t sizes[3] = {2, 3, 4};
    float v[8] = {0};
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    list.numbers = ids;
    list.n_numbers = 2;
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    upsert.collection = (char *)"a";
    upsert.ids = &list;
    upsert.payloads = (ProtobufCBinaryData){5, (uint8_t *)v};
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), ERROR_INVALID_ARGUMENT,
                   "payload sizes");
    upsert.payload_sizes = sizes;
    upsert.n_payload_sizes = 3;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), ERROR_INVALID_ARGUMENT,
                   "payload sizes");
    upsert.n_payload_sizes = 2;
    upsert.payloads.len = 4;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), ERROR_INVALID_ARGUMENT,
                   "add up");
    sizes[0] = POINT_PAYLOAD_MAX + 1;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), ERROR_INVALID_ARGUMENT,
                   "row 0");
    sizes[0] = 2;
    upsert.payloads.len = 5;
    cr_assert_eq(client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), 0);
    client_close(&c);
}

NATIVE_TEST(payloads_and_vectors_come_with_hits_of_ids_as_uuids)
{
    enum { N = 40 };
    struct client c = opened(s);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_IP), 0);
    static uint8_t uuids[N * 16], payloads[N * 300]; /* the stack of a fiber is small */
    static uint32_t sizes[N];
    static float v[N * 4];
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < N; i++) {
        uuids[i * 16] = 0x55;
        uuids[i * 16 + 15] = (uint8_t)i;
        sizes[i] = i % 4 == 0 ? 0 : i * 7; /* some larger than the room a router offers at first */
        memset(payloads + bytes, (int)i, sizes[i]);
        bytes += sizes[i];
        fill(v + i * 4, i);
    }
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    list.uuids = (ProtobufCBinaryData){sizeof uuids, uuids};
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    upsert.collection = (char *)"a";
    upsert.ids = &list;
    upsert.payloads = (ProtobufCBinaryData){bytes, payloads};
    upsert.payload_sizes = sizes;
    upsert.n_payload_sizes = N;
    cr_assert_eq(client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof v, NULL), 0, "%s", c.error);

    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = N;
    search.exact = search.with_payloads = search.with_vectors = true;
    struct client_reply r;
    cr_assert_eq(client_call(&c, KITH_OP_SEARCH, &search.base, v, 32, &r), 0, "%s", c.error); /* two queries */
    Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert_eq(p->n_counts, 2);
    cr_assert(p->counts[0] == N && p->counts[1] == N);
    cr_assert(p->n_id_hi == 2 * N && p->n_payload_sizes == 2 * N && r.header.block_bytes == 2 * N * 16);
    size_t at = 0;
    for (uint32_t i = 0; i < 2 * N; i++) {
        uint32_t row = (uint32_t)p->id_lo[i];
        cr_assert_eq(p->id_hi[i], 0x5500000000000000ull);
        cr_assert_eq(p->payload_sizes[i], sizes[row]);
        for (uint32_t b = 0; b < sizes[row]; b++)
            cr_assert_eq(p->payloads.data[at + b], row);
        at += sizes[row];
        cr_assert_eq(memcmp(r.block + i * 16, v + row * 4, 16), 0);
        if (i % N > 0)
            cr_assert(p->scores[i] <= p->scores[i - 1], "inner products fall");
    }
    cr_assert_eq(at, p->payloads.len);
    kith__points__free_unpacked(p, NULL);
    client_reply_fini(&r);
    client_close(&c);
}

NATIVE_TEST(wrong_searches_are_refused)
{
    struct client c = opened(s);
    fill_collection(&c, "a", 5);
    uint64_t ids[1];
    float scores[1], q[5] = {0};
    uint32_t n;
    expect_refused(&c, client_search(&c, "a", q, 4, 0, false, ids, scores, &n), ERROR_INVALID_ARGUMENT, "k is 0");
    expect_refused(&c, client_search(&c, "a", q, 4, 10001, false, ids, scores, &n), ERROR_INVALID_ARGUMENT, "10000");
    expect_refused(&c, client_search(&c, "a", q, 5, 1, false, ids, scores, &n), ERROR_INVALID_ARGUMENT,
                   "has 5 numbers; collection 'a' has 4 dimensions");
    expect_refused(&c, client_search(&c, "a", q, 0, 1, false, ids, scores, &n), ERROR_INVALID_ARGUMENT, "0 numbers");
    expect_refused(&c, client_search(&c, "b", q, 4, 1, false, ids, scores, &n), ERROR_NOT_FOUND, "'b'");
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 1;
    search.spread = (Kith__Spread)4;
    expect_refused(&c, client_call(&c, KITH_OP_SEARCH, &search.base, q, 16, NULL), ERROR_INVALID_ARGUMENT, "3 (all");
    search.spread = (Kith__Spread)-1;
    expect_refused(&c, client_call(&c, KITH_OP_SEARCH, &search.base, q, 16, NULL), ERROR_INVALID_ARGUMENT, "spread -1");
    search.spread = KITH__SPREAD__SPREAD_UNSPECIFIED;
    search.dim = 2; /* two queries, the client means; by the block it could be one */
    expect_refused(&c, client_call(&c, KITH_OP_SEARCH, &search.base, q, 16, NULL), ERROR_INVALID_ARGUMENT,
                   "the query has 2 dimensions; collection 'a' has 4");
    cr_assert_eq(client_create(&c, "angles", 4, KITH__METRIC__METRIC_COSINE), 0);
    expect_refused(&c, client_search(&c, "angles", q, 4, 1, false, ids, scores, &n), ERROR_INVALID_ARGUMENT,
                   "query 0 has length zero");
    static const float recalls[] = {-0.5f, 1.5f, NAN, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(recalls); i++) {
        c.recall = recalls[i];
        expect_refused(&c, client_search(&c, "a", q, 4, 1, false, ids, scores, &n), ERROR_INVALID_ARGUMENT,
                       "it must be above 0 and at most 1");
    }
    c.recall = 0;
    q[2] = NAN;
    expect_refused(&c, client_search(&c, "a", q, 4, 1, false, ids, scores, &n), ERROR_INVALID_ARGUMENT, "position 2");
    client_close(&c);
}

NATIVE_TEST(an_unknown_operation_and_a_wrong_meta_leave_the_connection_up)
{
    struct client c = opened(s);
    float block[20] = {0};
    expect_refused(&c, client_call(&c, 99, NULL, block, sizeof block, NULL), ERROR_INVALID_ARGUMENT, "99");
    uint8_t frame[KITH_HEADER_BYTES + 3];
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_COUNT, 0, 5, 3, 0, 0};
    memcpy(frame, &h, sizeof h);
    memset(frame + KITH_HEADER_BYTES, 0xff, 3);
    struct client_reply r;
    cr_assert_eq(client_send_bytes(&c, frame, sizeof frame), 0);
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

NATIVE_TEST(garbage_gets_a_protocol_error_and_the_end)
{
    struct client c;
    cr_assert_eq(client_connect(&c, s->port), 0);
    cr_assert_eq(client_send_bytes(&c, "hello server, how are you?", 26), 0);
    expect_end(&c, ERROR_PROTOCOL, "KITH");
    c = opened(s);
    cr_assert_eq(client_send_bytes(&c, "GET / HTTP/1.1\r\n\r\n", 18), 0);
    expect_end(&c, ERROR_PROTOCOL, "HTTP");
    c = opened(s);
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_UPSERT, 0, 5, 10, 0, (uint64_t)1 << 40};
    cr_assert_eq(client_send_bytes(&c, &h, sizeof h), 0);
    expect_end(&c, ERROR_PROTOCOL, "allowed");
    c = opened(s);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

NATIVE_TEST(the_first_frame_must_be_a_hello_that_fits)
{
    struct client c;
    cr_assert_eq(client_connect(&c, s->port), 0);
    cr_assert_eq(client_send(&c, KITH_OP_PING, 1, 0, NULL, NULL, 0), 0);
    expect_end(&c, ERROR_PROTOCOL, "hello");
    Kith__Hello hello = KITH__HELLO__INIT;
    hello.version_min = 2;
    hello.version_max = 3;
    cr_assert_eq(client_connect(&c, s->port), 0);
    cr_assert_eq(client_send(&c, KITH_OP_HELLO, 1, 0, &hello.base, NULL, 0), 0);
    expect_end(&c, ERROR_VERSION, "version 1");
    hello.version_min = hello.version_max = 0;
    cr_assert_eq(client_connect(&c, s->port), 0);
    cr_assert_eq(client_send(&c, KITH_OP_HELLO, 1, 0, &hello.base, NULL, 0), 0);
    expect_end(&c, ERROR_VERSION, "newer client");
}

NATIVE_TEST(truncated_frames_do_no_harm)
{
    struct client whole = opened(s);
    fill_collection(&whole, "a", 5);
    uint8_t frame[256] = {0};
    struct kith_frame_header h = {KITH_MAGIC, KITH_OP_UPSERT, 0, 5, 40, 0, 16 * 4};
    memcpy(frame, &h, sizeof h);
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

NATIVE_TEST(many_requests_are_in_flight_and_all_are_answered_once)
{
    enum { N = 600 }; /* more than a connection may have in flight */
    struct client c = opened(s);
    fill_collection(&c, "a", 50);
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 3;
    float q[4] = {1, 2, 3, 4};
    static bool answered[N];
    memset(answered, 0, sizeof answered);
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

NATIVE_TEST(a_client_that_leaves_with_requests_in_flight_is_forgotten)
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

/* -- memory -- */

struct large_upsert {
    uint16_t port;
    bool answered, over;
};

static void upsert_much(void *arg)
{
    struct large_upsert *u = arg;
    struct client c;
    cr_assert_eq(client_open(&c, u->port), 0);
    fill_collection(&c, "much", 10000);
    u->answered = true;
    client_close(&c);
    u->over = true;
}

static void crowded(struct server *s)
{
    struct client c = opened(s);
    struct byte_pool *bound = &s->cores[0]->frames;
    struct byte_claim others = {0};
    uint64_t all = bound->bytes, count = 0;
    struct large_upsert u = {.port = s->port};
    fill_collection(&c, "few", 10);
    cr_assert_eq(byte_pool_begin(bound, &others, BYTES_URGENT, all, 0), 0); /* as if others had it: */
    cr_assert_eq(byte_pool_grow(bound, &others, all, 0), 0);                /* all of its bytes have come */
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, upsert_much, &u, "client"), 0);
    fiber_sleep_ns(5000000000);
    cr_assert(!u.answered, "a large request waits for room");
    cr_assert_eq(client_count(&c, "few", &count), 0);
    cr_assert_eq(count, 10, "a small one does not");
    byte_pool_end(bound, &others);
    while (!u.over)
        fiber_sleep_ns(1000000);
    cr_assert_eq(client_count(&c, "much", &count), 0);
    cr_assert_eq(count, 10000);
    for (unsigned r = 0; r < BYTE_RANKS; r++)
        cr_assert_eq(bound->held[r], 0, "all of it was given back");
    client_close(&c);
}

Test(native, large_requests_of_all_connections_share_a_bound)
{
    harness_run(BACKEND_SIM, 1, crowded);
}

/* -- lists -- */

#define LISTED 200

struct churn {
    struct core *core;
    bool stop, over;
};

/* Collections between the others come and go, also while a list is made: in the simulator no time passes then, so no client's would. */
static void churn_run(void *arg)
{
    struct churn *u = arg;
    struct replica *r = &u->core->collections;
    struct collection_config config = {.id = 1000000, .dim = 4};
    for (unsigned i = 0; !u->stop; i++) {
        snprintf(config.name, sizeof config.name, "k%03ux", i * 77 % LISTED);
        cr_assert_eq(replica_add(r, &config, NULL), 0);
        struct collection_entry *e = replica_find_id(r, config.id);
        e->published = true;
        fiber_yield();
        replica_remove(r, e);
        free(e);
        if (i % 16 == 0)
            fiber_sleep_ns(1000);
        else
            fiber_yield();
    }
    u->over = true;
}

/* Those that were there all the time are there once, in their order. */
static void expect_listed(struct client *c)
{
    Kith__ListCollections ask = KITH__LIST_COLLECTIONS__INIT;
    struct client_reply r;
    char name[16];
    size_t n = 0;
    cr_assert_eq(client_call(c, KITH_OP_LIST, &ask.base, NULL, 0, &r), 0);
    Kith__CollectionList *list = kith__collection_list__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert_not_null(list);
    for (size_t i = 0; i < list->n_collections; i++) {
        cr_assert(i == 0 || strcmp(list->collections[i - 1]->name, list->collections[i]->name) < 0);
        snprintf(name, sizeof name, "k%03zu", n);
        n += strcmp(list->collections[i]->name, name) == 0;
    }
    cr_assert_eq(n, LISTED);
    kith__collection_list__free_unpacked(list, NULL);
    client_reply_fini(&r);
}

static void listed(struct server *s)
{
    struct churn u = {.core = s->cores[0]};
    struct client c = opened(s);
    char name[16];
    sim_fault_rate(s->options.runtime.sim, FAULT_PREEMPT, 300000);
    for (unsigned i = 0; i < LISTED; i++) {
        snprintf(name, sizeof name, "k%03u", i);
        cr_assert_eq(client_create(&c, name, 4, KITH__METRIC__METRIC_L2), 0);
    }
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, churn_run, &u, "churn"), 0);
    for (unsigned i = 0; i < 20; i++)
        expect_listed(&c);
    u.stop = true;
    while (!u.over)
        fiber_sleep_ns(1000000);
    client_close(&c);
}

Test(native, a_list_is_whole_though_collections_come_and_go_meanwhile)
{
    harness_run(BACKEND_SIM, 1, listed);
}

/* -- texts -- */

/* Where a C string ends, another collection's name would. */
static void odd_texts(struct server *s)
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
    };
    struct client c = opened(s);
    fill_collection(&c, "a", 3);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        const struct kith_frame_header h = {KITH_MAGIC, asks[i].op, 0, 7, asks[i].size, 0, 0};
        struct client_reply r;
        cr_assert_eq(client_send_bytes(&c, &h, sizeof h), 0);
        cr_assert_eq(client_send_bytes(&c, asks[i].meta, asks[i].size), 0);
        expect_refused(&c, client_receive(&c, &r), ERROR_INVALID_ARGUMENT, asks[i].word);
        client_reply_fini(&r);
    }
    cr_assert_eq(client_drop(&c, "a"), 0, "it is still there");
    client_close(&c);
}

Test(native, a_text_with_a_nul_byte_or_that_is_not_utf8_is_refused)
{
    harness_run(BACKEND_SIM, 1, odd_texts);
}

/* -- time: deadlines and cancelling need work that takes some, so on this machine; timeouts need a clock that runs, so simulated -- */

static int send_large_search(struct client *c, uint64_t id, uint32_t deadline_ms, uint32_t queries)
{
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"large";
    search.k = 10;
    search.exact = true;
    float *q = calloc(queries, 16);
    int rc = client_send(c, KITH_OP_SEARCH, id, deadline_ms, &search.base, q, queries * 16);
    free(q);
    return rc;
}

static struct client with_large_collection(struct server *s)
{
    struct client c = opened(s);
    fill_collection(&c, "large", 3000);
    return c;
}

static void expect_answer(struct client *c, uint64_t id, enum error_code code)
{
    struct client_reply r;
    int rc = client_receive(c, &r);
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert_eq(r.header.request_id, id);
    client_reply_fini(&r);
}

static void deadline(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 77, 1, 10000), 0);
    expect_answer(&c, 77, ERROR_DEADLINE_EXCEEDED);
    cr_assert(strstr(c.error, "1 ms"));
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(native, a_deadline_that_passes_is_told)
{
    harness_run(BACKEND_AUTO, 1, deadline);
    harness_run(BACKEND_AUTO, 2, deadline);
}

static void cancel(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 78, 0, 10000), 0);
    cr_assert_eq(client_send(&c, KITH_OP_CANCEL, 78, 0, NULL, NULL, 0), 0);
    expect_answer(&c, 78, ERROR_CANCELLED);
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}

Test(native, a_cancelled_request_is_given_up)
{
    harness_run(BACKEND_AUTO, 1, cancel);
    harness_run(BACKEND_AUTO, 2, cancel);
}

static void silence(struct server *s)
{
    struct client quiet, half, idle = opened(s);
    cr_assert_eq(client_connect(&quiet, s->port), 0);
    uint64_t began_ns = clock_now_ns();
    char byte;
    cr_assert_leq(connection_receive(quiet.connection, &byte, 1, 0), 0);
    cr_assert_geq(clock_now_ns() - began_ns, 9000000000ull);
    client_close(&quiet);

    half = opened(s);
    began_ns = clock_now_ns();
    cr_assert_eq(client_send_bytes(&half, "KITH\2\0", 6), 0);
    cr_assert_leq(connection_receive(half.connection, &byte, 1, 0), 0);
    cr_assert_geq(clock_now_ns() - began_ns, 29000000000ull);
    client_close(&half);

    fiber_sleep_ns(3600000000000ull);
    cr_assert_eq(client_ping(&idle), 0, "an idle connection lives");
    client_close(&idle);
}

Test(native, who_says_no_hello_or_half_a_frame_is_given_up_and_who_is_idle_is_not)
{
    harness_run(BACKEND_SIM, 2, silence);
}

static uint64_t connections_open(struct server *s)
{
    uint64_t n = 0;
    struct arena arena = {0};
    struct metrics_sample *samples = arena_alloc(&arena, reactor_count() * sizeof *samples);
    cr_assert_eq(server_measure(samples, &arena), 0);
    for (unsigned r = 0; r < reactor_count(); r++)
        n += samples[r].counted.connections_open;
    arena_fini(&arena);
    return n;
}

static void deaf(struct server *s)
{
    struct client c = opened(s), other = opened(s);
    fill_collection(&c, "a", 1000);
    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = 1000;
    search.with_vectors = true;
    float q[4] = {1, 2, 3, 4};
    for (uint64_t i = 0; i < 2000; i++) /* tens of megabytes of answers, which nobody reads */
        if (client_send(&c, KITH_OP_SEARCH, i, 0, &search.base, q, 16) < 0)
            break;
    fiber_sleep_ns(120000000000ull);
    cr_assert_eq(connections_open(s), 1);
    cr_assert_eq(client_ping(&other), 0);
    client_close(&c);
    client_close(&other);
}

Test(native, who_does_not_read_answers_is_given_up)
{
    harness_run(BACKEND_SIM, 2, deaf);
}

static void stop_with_requests(struct server *s)
{
    struct client c = with_large_collection(s);
    cr_assert_eq(send_large_search(&c, 5, 0, 200), 0);
    fiber_sleep_ns(2000000);
    server_stop(s); /* waits for the answer, which is sent before the connection ends */
    struct client_reply r;
    int rc = client_receive(&c, &r);
    cr_assert(rc == 0 || rc == CLIENT_REFUSED(ERROR_UNAVAILABLE), "rc %d", rc);
    cr_assert_eq(r.header.request_id, 5);
    client_reply_fini(&r);
    cr_assert_lt(client_receive(&c, &r), 0);
    client_reply_fini(&r);
    client_close(&c);
}

Test(native, a_stop_lets_requests_end)
{
    harness_run(BACKEND_AUTO, 2, stop_with_requests);
}
