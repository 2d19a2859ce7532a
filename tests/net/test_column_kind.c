/* Tests that a column kind which src does not have works in a whole server. One call adds it:
 * column_kind_add(). Its columns are created, appended to, sealed, merged, shared with other
 * reactors and opened again, and they answer filters. */
#include "../boolean/boolean.h"
#include "client.h"
#include "gpu/gpu.h"
#include "harness.h"
#include "shards/segment/segment.h"
#include "shards/shard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DIM    4
#define POINTS 600

/* The value of field "open" of point i, as JSON; NULL: the field is missing. */
static const char *open_of(uint32_t i)
{
    static const char *const texts[] = {"true", "false", "[true,false]", "null", "\"true\"", "1", NULL};
    return texts[i * 7919 / 5 % ARRAY_LEN(texts)];
}

/* Whether a value in JSON is, or contains, the boolean `word`. */
static bool says(const char *json, const char *word)
{
    return json && json[0] != '"' && strstr(json, word);
}

static void write_points(struct client *c, uint32_t from, uint32_t to)
{
    for (; from < to; from++) {
        char payload[64];
        const char *open = open_of(from);
        const float vector[DIM] = {(float)from, 1, 2, 3};
        const uint64_t id = from + 1;
        uint32_t size = (uint32_t)snprintf(payload, sizeof(payload), open ? "{\"open\":%s}" : "{}", open);
        Kith__Upsert upsert = KITH__UPSERT__INIT;
        Kith__PointIds list = KITH__POINT_IDS__INIT;
        upsert.collection = (char *)(uintptr_t) "a";
        list.numbers = (uint64_t *)(uintptr_t)&id;
        list.n_numbers = 1;
        upsert.ids = &list;
        upsert.payload_sizes = &size;
        upsert.n_payload_sizes = 1;
        upsert.payloads = (ProtobufCBinaryData){size, (uint8_t *)payload};
        cr_assert_eq(client_call(c, KITH_OP_UPSERT, &upsert.base, vector, sizeof(vector), NULL), 0, "%s", c->error);
    }
}

/* Asserts that a search finds the points below `to` whose field has the value `word`, and no
 * others. */
static void expect(struct client *c, const char *word, uint32_t to)
{
    static uint64_t ids[POINTS];
    static float scores[POINTS];
    const float query[DIM] = {0};
    protobuf_c_boolean value = word[0] == 't';
    uint32_t found, count = 0;
    Kith__Match match = KITH__MATCH__INIT;
    Kith__Condition condition = KITH__CONDITION__INIT, *must = &condition;
    Kith__Filter filter = KITH__FILTER__INIT;
    match.booleans = &value;
    match.n_booleans = 1;
    condition.field = (char *)(uintptr_t) "open";
    condition.test_case = KITH__CONDITION__TEST_MATCH;
    condition.match = &match;
    if (word[0] == 'n') {
        condition.test_case = KITH__CONDITION__TEST_IS_NULL;
        condition.is_null = true;
    }
    filter.must = &must;
    filter.n_must = 1;
    c->filter = &filter;
    cr_assert_eq(client_search(c, "a", query, DIM, POINTS, true, ids, scores, &found), 0, "%s", c->error);
    c->filter = NULL;
    for (uint32_t i = 0; i < to; i++)
        count += says(open_of(i), word);
    cr_assert_eq(found, count, "%u of %u points are %s", found, count, word);
    for (uint32_t i = 0; i < found; i++)
        cr_assert(says(open_of((uint32_t)ids[i] - 1), word), "point %u", (unsigned)ids[i]);
}

static void expect_all(struct client *c, uint32_t to)
{
    for (unsigned fan_out = 0; fan_out < 3; fan_out++) {
        c->fan_out = fan_out;
        expect(c, "true", to);
        expect(c, "false", to);
        expect(c, "null", to);
    }
}

/* Asserts that all sealed segments of each reactor have the column, so filters read no payloads. */
static void expect_columns(struct server *s)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        const struct shard *shard = replica_find(&s->cores[r]->collections, "a")->shard;
        for (uint32_t i = 0; i < shard->segment_count; i++) {
            const struct segment *g = shard->segments[i];
            if (g && g->searched && g->state == SEGMENT_SEALED)
                cr_assert(g->columns.first && g->columns.first->column.kind == &column_boolean, "reactor %u", r);
        }
    }
}

static void call_named(struct client *c, uint16_t op)
{
    Kith__Seal seal = KITH__SEAL__INIT;
    Kith__Compact compact = KITH__COMPACT__INIT;
    seal.collection = compact.collection = (char *)(uintptr_t) "a";
    cr_assert_eq(client_call(c, op, op == KITH_OP_SEAL ? &seal.base : &compact.base, NULL, 0, NULL), 0, "%s", c->error);
}

static void live(struct server *s)
{
    struct client c;
    Kith__Info *info;
    if (!column_kind_named("boolean"))
        column_kind_add(&column_boolean);
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    write_points(&c, 0, POINTS / 4);
    cr_assert_eq(client_add_field(&c, "a", "open", "boolean", 0, NULL), 0, "%s", c.error);
    cr_assert_eq(client_info(&c, "a", &info), 0, "%s", c.error);
    cr_assert_str_eq(info->collection->fields[0]->kind, "boolean");
    kith__info__free_unpacked(info, NULL);
    expect_all(&c, POINTS / 4);
    write_points(&c, POINTS / 4, POINTS / 2);
    expect_all(&c, POINTS / 2);
    call_named(&c, KITH_OP_SEAL);
    expect_all(&c, POINTS / 2);
    write_points(&c, POINTS / 2, POINTS);
    call_named(&c, KITH_OP_SEAL);
    expect_all(&c, POINTS);
    call_named(&c, KITH_OP_COMPACT);
    expect_all(&c, POINTS);
    fiber_sleep_ns(UINT64_C(2000000000)); /* virtual time, in which reactors share the columns */
    expect_columns(s);
    expect_all(&c, POINTS);
    cr_assert_eq(client_add_field(&c, "a", "x", "colour", 0, NULL), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert(strstr(c.error, "known: integer, boolean"), "%s", c.error);
    cr_assert_eq(client_drop(&c, "a"), 0);
    client_close(&c);
}

Test(column_kind, that_a_program_brings_goes_end_to_end)
{
    harness_run(BACKEND_SIM, 1, live);
    harness_run(BACKEND_SIM, 3, live);
}
