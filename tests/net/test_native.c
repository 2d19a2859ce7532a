/* Tests the native protocol with a whole server: right requests are answered, wrong requests are
 * refused. */
#include "scenario.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

NATIVE_TEST(native, what_is_written_is_found_counted_and_deleted)
{
    struct client c = opened(s);
    fill_collection(&c, "a", 100);
    uint64_t count = 0, found[5], deleted = 0, three[3] = {3, 4, 1000};
    float scores[5], q[4], vectors[12];
    uint32_t n = 0;
    cr_assert_eq(client_count(&c, "a", &count), 0);
    cr_assert_eq(count, 100);
    fill_vector(q, 42);
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
    fill_vector(q, 4);
    cr_assert_eq(memcmp(vectors + 4, q, sizeof(q)), 0);
    cr_assert_eq(client_delete(&c, "a", three, 3, &deleted), 0);
    cr_assert_eq(deleted, 2);
    cr_assert_eq(client_count(&c, "a", &count), 0);
    cr_assert_eq(count, 98);
    cr_assert_eq(client_search(&c, "a", q, 4, 1, true, found, scores, &n), 0);
    cr_assert_neq(found[0], 4);
    client_close(&c);
}

NATIVE_TEST(native, a_new_collection_can_be_used_at_once_on_other_connections)
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

NATIVE_TEST(native, wrong_collections_are_refused_with_a_sentence)
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

NATIVE_TEST(native, wrong_points_are_refused_and_change_nothing)
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
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, 16, NULL), ERROR_INVALID_ARGUMENT,
                   "send two requests");
    both.n_numbers = 0;
    both.uuids.len = 15;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, 16, NULL), ERROR_INVALID_ARGUMENT, "16");
    client_close(&c);
}

NATIVE_TEST(native, wrong_payloads_are_refused)
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
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), ERROR_INVALID_ARGUMENT,
                   "payload sizes");
    upsert.payload_sizes = sizes;
    upsert.n_payload_sizes = 3;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), ERROR_INVALID_ARGUMENT,
                   "payload sizes");
    upsert.n_payload_sizes = 2;
    upsert.payloads.len = 4;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), ERROR_INVALID_ARGUMENT,
                   "add up");
    sizes[0] = POINT_PAYLOAD_MAX + 1;
    expect_refused(&c, client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), ERROR_INVALID_ARGUMENT,
                   "row 0");
    sizes[0] = 2;
    upsert.payloads.len = 5;
    cr_assert_eq(client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), 0);
    client_close(&c);
}

NATIVE_TEST(native, payloads_and_vectors_come_with_hits_of_ids_as_uuids)
{
    enum { N = 40 };
    struct client c = opened(s);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_IP), 0);
    static uint8_t uuids[N * 16], payloads[N * 300]; /* too large for the stack of a fiber */
    static uint32_t sizes[N];
    static float v[N * 4];
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < N; i++) {
        uuids[i * 16] = 0x55;
        uuids[i * 16 + 15] = (uint8_t)i;
        sizes[i] = i % 4 == 0 ? 0 : i * 7; /* some are larger than the router's first buffer */
        memset(payloads + bytes, (int)i, sizes[i]);
        bytes += sizes[i];
        fill_vector(v + i * 4, i);
    }
    Kith__PointIds list = KITH__POINT_IDS__INIT;
    list.uuids = (ProtobufCBinaryData){sizeof(uuids), uuids};
    Kith__Upsert upsert = KITH__UPSERT__INIT;
    upsert.collection = (char *)"a";
    upsert.ids = &list;
    upsert.payloads = (ProtobufCBinaryData){bytes, payloads};
    upsert.payload_sizes = sizes;
    upsert.n_payload_sizes = N;
    cr_assert_eq(client_call(&c, KITH_OP_UPSERT, &upsert.base, v, sizeof(v), NULL), 0, "%s", c.error);

    Kith__Search search = KITH__SEARCH__INIT;
    search.collection = (char *)"a";
    search.k = N;
    search.exact = search.with_payloads = search.with_vectors = true;
    struct client_reply r;
    /* two queries */
    cr_assert_eq(client_call(&c, KITH_OP_SEARCH, &search.base, v, 32, &r), 0, "%s", c.error);
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
            cr_assert(p->scores[i] <= p->scores[i - 1], "hits must come in order of falling inner products");
    }
    cr_assert_eq(at, p->payloads.len);
    kith__points__free_unpacked(p, NULL);
    client_reply_fini(&r);
    client_close(&c);
}

NATIVE_TEST(native, wrong_searches_are_refused)
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
    search.fan_out = (Kith__FanOut)4;
    expect_refused(&c, client_call(&c, KITH_OP_SEARCH, &search.base, q, 16, NULL), ERROR_INVALID_ARGUMENT, "3 (all");
    search.fan_out = (Kith__FanOut)-1;
    expect_refused(&c, client_call(&c, KITH_OP_SEARCH, &search.base, q, 16, NULL), ERROR_INVALID_ARGUMENT,
                   "fan_out -1");
    search.fan_out = KITH__FAN_OUT__FAN_OUT_UNSPECIFIED;
    search.dim = 2; /* the client means two queries; the bytes of the block could also be one */
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
