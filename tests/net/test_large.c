/* Tests the largest request of every operation: it is answered, and no step of it blocks its core.
 * The environment says how long a fiber may run without yielding (tests/meson.build). The tests run
 * on this machine, because no simulated time passes while a fiber runs. */
#include "client.h"
#include "harness.h"
#include "net/native/meta/wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(large, .timeout = 300);

#define LARGE_TEST(name)                                                                                               \
    static void name(struct server *s);                                                                                \
    Test(large, name)                                                                                                  \
    {                                                                                                                  \
        harness_run(BACKEND_AUTO, 1, name);                                                                            \
        harness_run(BACKEND_AUTO, 2, name);                                                                            \
    }                                                                                                                  \
    static void name(struct server *s)

#define MIB    ((size_t)1 << 20)
#define DIM    4
#define MANY   1000000u
#define FAR_ID 10000000u

static struct client opened(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    return c;
}

/* -- metas by hand -- */

struct meta {
    uint8_t *bytes, *end;
};

static struct meta meta_of(size_t room)
{
    struct meta m = {.bytes = malloc(room)};
    cr_assert(m.bytes);
    m.end = m.bytes;
    return m;
}

static void put(struct meta *m, uint32_t field, const void *bytes, size_t n)
{
    m->end = wire_put_bytes_head(m->end, field, n);
    fiber_copy(m->end, bytes, n);
    m->end += n;
}

/* Writes the numbers [first, first + n), as one packed field or as a field each. */
static void put_numbers(struct meta *m, uint64_t first, uint32_t n, bool packed)
{
    struct meta ids = meta_of(16 + (size_t)n * 9);
    if (packed)
        ids.end = wire_put_bytes_head(ids.end, 1, (uint64_t)n * 8);
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t id = first + i;
        if (!packed)
            *ids.end++ = 1 << 3 | WIRE_FIXED64;
        memcpy(ids.end, &id, 8);
        ids.end += 8;
        fiber_checkpoint();
    }
    put(m, 2, ids.bytes, (size_t)(ids.end - ids.bytes));
    free(ids.bytes);
}

/* Sends a frame and receives its answer. Returns the code as client.h says. */
static int ask(struct client *c, uint16_t op, struct meta *m, const void *block, uint64_t block_bytes,
               struct client_reply *ret)
{
    const size_t meta_bytes = (size_t)(m->end - m->bytes);
    const struct kith_frame_header h = {KITH_MAGIC, op, 0, ++c->next_id, (uint32_t)meta_bytes, 0, block_bytes};
    static const uint8_t zeros[64];
    const size_t gap = block_bytes ? (size_t)(-(sizeof(h) + meta_bytes) & 63) : 0;
    const struct slice slices[] = {{&h, sizeof(h)}, {m->bytes, meta_bytes}, {zeros, gap}, {block, block_bytes}};
    struct client_reply r;
    cr_assert_eq(connection_send(c->connection, slices, 4, 0), 0);
    int rc = client_receive(c, &r);
    if (rc == 0 && ret)
        *ret = r;
    else
        client_reply_fini(&r);
    free(m->bytes);
    return rc;
}

static void want_refused(struct client *c, int rc, enum error_code code, const char *word)
{
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert(strstr(c->error, word), "'%s' does not say '%s'", c->error, word);
    cr_assert_eq(client_ping(c), 0);
}

/* -- long names and unknown fields -- */

LARGE_TEST(a_long_name_is_refused_by_its_length)
{
    struct client c = opened(s);
    static const uint16_t by_name[] = {KITH_OP_PING,
                                       KITH_OP_CREATE,
                                       KITH_OP_DROP,
                                       KITH_OP_LIST,
                                       KITH_OP_INFO,
                                       KITH_OP_COUNT,
                                       KITH_OP_SEARCH,
                                       KITH_OP_SEAL,
                                       KITH_OP_COMPACT,
                                       KITH_OP_VERIFY,
                                       KITH_OP_SNAPSHOT_CREATE,
                                       KITH_OP_SNAPSHOT_LIST,
                                       KITH_OP_SNAPSHOT_VERIFY,
                                       KITH_OP_SNAPSHOT_RESTORE,
                                       KITH_OP_SNAPSHOT_DELETE,
                                       KITH_OP_STATS,
                                       KITH_OP_CONFIG_GET,
                                       KITH_OP_CONFIG_SET,
                                       KITH_OP_SCHEMA_CHANGE,
                                       KITH_OP_HELLO};
    uint8_t *name = malloc(20 * MIB);
    for (size_t i = 0; i < 20 * MIB; i++) {
        name[i] = 'a';
        if (i % 65536 == 0)
            fiber_checkpoint();
    }
    for (size_t i = 0; i < ARRAY_LEN(by_name); i++) {
        struct meta m = meta_of(21 * MIB);
        put(&m, 1, name, 20 * MIB);
        const bool longer = by_name[i] == KITH_OP_CREATE || by_name[i] == KITH_OP_SEARCH;
        want_refused(&c, ask(&c, by_name[i], &m, NULL, 0, NULL), ERROR_INVALID_ARGUMENT, longer ? "32768" : "4096");
    }
    for (uint16_t op = KITH_OP_UPSERT; op <= KITH_OP_GET; op++) { /* their metas may be long */
        struct meta m = meta_of(17 * MIB);
        put(&m, 1, name, 16 * MIB);
        want_refused(&c, ask(&c, op, &m, NULL, 0, NULL), ERROR_INVALID_ARGUMENT, "at most 127");
    }
    struct meta m = meta_of(8192);
    put(&m, 1, name, 4000);
    want_refused(&c, ask(&c, KITH_OP_CONFIG_GET, &m, NULL, 0, NULL), ERROR_NOT_FOUND, "no name has more");
    m = meta_of(64 * MIB);
    put(&m, 1, name, 20 * MIB);
    want_refused(&c, ask(&c, 99, &m, name, 16 * MIB, NULL), ERROR_INVALID_ARGUMENT, "99");
    free(name);
    client_close(&c);
}

static struct meta unknown_fields(size_t bytes)
{
    struct meta m = meta_of(bytes + 200);
    for (size_t i = 0; i + 3 <= bytes; i += 3) { /* field 100 */
        memcpy(m.end, (const uint8_t[]){0xa0, 0x06, 0x01}, 3);
        m.end += 3;
        if (i % 3000 == 0)
            fiber_checkpoint();
    }
    return m;
}

LARGE_TEST(unknown_fields_are_skipped_where_they_may_be)
{
    struct client c = opened(s);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    struct meta m = unknown_fields(3000);
    cr_assert_eq(ask(&c, KITH_OP_PING, &m, NULL, 0, NULL), 0, "%s", c.error);
    m = unknown_fields(60 * MIB);
    want_refused(&c, ask(&c, KITH_OP_PING, &m, NULL, 0, NULL), ERROR_INVALID_ARGUMENT, "4096");
    m = unknown_fields(15 * MIB);
    put(&m, 1, "a", 1);
    cr_assert_eq(ask(&c, KITH_OP_GET, &m, NULL, 0, NULL), 0, "%s", c.error);
    client_close(&c);
}

/* -- a million points -- */

LARGE_TEST(a_million_ids_are_looked_for_and_deleted)
{
    struct client c = opened(s);
    const uint64_t some[2] = {FAR_ID + 5, FAR_ID + MANY - 1};
    const float v[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8};
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(&c, "a", some, 2, v, DIM), 0);
    for (int packed = 0; packed < 2; packed++) {
        struct client_reply r;
        struct meta m = meta_of(10 * MIB);
        put(&m, 1, "a", 1);
        put_numbers(&m, FAR_ID, MANY, packed);
        m.end = wire_put_varint(wire_put_varint(m.end, 3 << 3), 1);
        cr_assert_eq(ask(&c, KITH_OP_GET, &m, NULL, 0, &r), 0, "%s", c.error);
        Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
        cr_assert(p && p->n_id_lo == 2 && p->id_lo[0] == some[0] && p->id_lo[1] == some[1]);
        cr_assert(r.header.block_bytes == sizeof(v) && memcmp(r.block, v, sizeof(v)) == 0);
        kith__points__free_unpacked(p, NULL);
        client_reply_fini(&r);
    }
    struct meta m = meta_of(10 * MIB);
    put(&m, 1, "a", 1);
    put_numbers(&m, FAR_ID, MANY, true);
    struct client_reply r;
    cr_assert_eq(ask(&c, KITH_OP_DELETE, &m, NULL, 0, &r), 0, "%s", c.error);
    Kith__Deleted *d = kith__deleted__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert_eq(d->count, 2);
    kith__deleted__free_unpacked(d, NULL);
    client_reply_fini(&r);
    m = meta_of(10 * MIB);
    put(&m, 1, "a", 1);
    put_numbers(&m, 0, MANY + 1, true);
    want_refused(&c, ask(&c, KITH_OP_DELETE, &m, NULL, 0, NULL), ERROR_INVALID_ARGUMENT,
                 "more than one request may have (1000000)");
    client_close(&c);
}

/* -- payloads -- */

static int upsert_payloads(struct client *c, uint32_t n, uint32_t size)
{
    static const float v[4 * DIM];
    struct meta m = meta_of((size_t)n * size + 4096), sizes = meta_of(64);
    uint8_t *payloads = calloc(n, size);
    for (uint32_t i = 0; i < n; i++) {
        payloads[(size_t)i * size] = (uint8_t)(i + 1);
        sizes.end = wire_put_varint(sizes.end, size);
    }
    put(&m, 1, "a", 1);
    put_numbers(&m, 1, n, true);
    put(&m, 3, payloads, (size_t)n * size);
    put(&m, 4, sizes.bytes, (size_t)(sizes.end - sizes.bytes));
    free(payloads);
    free(sizes.bytes);
    return ask(c, KITH_OP_UPSERT, &m, v, (uint64_t)n * DIM * sizeof(float), NULL);
}

LARGE_TEST(payloads_of_sixty_megabytes_are_written_and_come_back)
{
    struct client c = opened(s);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    want_refused(&c, upsert_payloads(&c, 1, 20 << 20), ERROR_INVALID_ARGUMENT, "row 0");
    const uint32_t size = 15 << 20;
    cr_assert_eq(upsert_payloads(&c, 4, size), 0, "%s", c.error);
    struct meta m = meta_of(4096);
    put(&m, 1, "a", 1);
    put_numbers(&m, 1, 4, false);
    m.end = wire_put_varint(wire_put_varint(m.end, 4 << 3), 1);
    struct client_reply r;
    cr_assert_eq(ask(&c, KITH_OP_GET, &m, NULL, 0, &r), 0, "%s", c.error);
    struct wire w = wire_of(r.meta, r.header.meta_bytes);
    struct wire_field f;
    bool seen = false;
    while (wire_next(&w, &f) > 0) {
        if (f.number != 5)
            continue;
        seen = true;
        cr_assert_eq(f.size, (size_t)4 * size);
        for (size_t i = 0; i < 4; i++)
            cr_assert(f.bytes[i * size] == i + 1 && f.bytes[(i + 1) * size - 1] == 0);
    }
    cr_assert(seen);
    client_reply_fini(&r);
    client_close(&c);
}
