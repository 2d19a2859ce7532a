/* test_columns.c -- a column that would have too many values is left out, while its segment grows,
 * when the background builds it, and when the segment is sealed. Filters then read payloads, and
 * the other fields get their columns. The store asks for the memory of columns before it builds
 * them, and before seals and merges, which write them. */
#include "../boolean/boolean.h"
#include "base/memory_use.h"
#include "query/filter.h"
#include "shards/memory.h"
#include "shards/merge/merge.h"
#include "stores.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define CRAMPED_ID 60002
#define POINTS     40

static struct column_kind cramped;

/* A cramped column has no room for a single true. */
static int append(void *column, const struct field_values *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->items[i].boolean)
            return -EOVERFLOW;
    return column_boolean.append(column, v);
}

/* -- the fields: of two kinds, the cramped one first -- */

static void add_field(struct shard *s, const char *path, uint16_t kind)
{
    struct field_spec f = {.kind = kind};
    struct schema *next;
    strcpy(f.path, path);
    want_eq(schema_change(shard_config(s)->schema, &(struct schema_change){.add_field = &f}, "test", &next, NULL), 0);
    shard_set_schema(s, next);
}

static void write_point(struct shard *s, uint32_t n, const char *text)
{
    const float vector[DIM] = {(float)n};
    const struct point_id id = id_of(n);
    const void *payload = text;
    const uint32_t size = (uint32_t)strlen(text);
    const struct point_batch b = {
        .count = 1, .ids = &id, .vectors = vector, .payloads = &payload, .payload_sizes = &size};
    struct error e = {0};
    want_eq(shard_upsert(s, &b, &e), 0);
}

static void write_points(struct shard *s, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++)
        write_point(s, n, n % 4 ? "{\"a\":false,\"b\":true}" : "{\"a\":true,\"b\":false}");
}

/* -- what is expected of every segment -- */

static void want_found(struct shard *s, const char *path, uint32_t expected)
{
    static const struct value yes = {VALUE_BOOL, .boolean = true};
    const struct filter test = {.op = FILTER_TEST, .test = {.op = PREDICATE_EQ, .path = path, .values = {&yes, 1}}};
    const float vector[DIM] = {0};
    const struct filter *bound;
    struct point_hit hits[POINTS];
    struct arena arena = {0};
    struct error error;
    want_eq(filter_bind(&test, shard_config(s)->schema, "test", &arena, &bound, &error), 0);
    const struct shard_query q = {.vector = vector, .k = POINTS, .exact = true, .filter = bound};
    want_eq(shard_search(s, &q, hits), (int)expected);
    arena_fini(&arena);
}

static void want_second_column_only(struct shard *s, enum segment_state state)
{
    uint32_t segments = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (!g || !g->searched || g->rows.count == 0)
            continue;
        segments++;
        want_eq(g->state, state);
        want(!segment_column_find(g, 0));
        want(segment_column_find(g, 1));
    }
    want_eq(segments, 1);
}

/* One reactor, and segments that no test here fills. */
static struct shard *begin(struct server *server)
{
    const struct store_tuning tuning = {.growing_bytes_max = 1 << 20};
    server_open(server, 1);
    store_tune(server->stores[0], &tuning);
    return store_shard(server->stores[0], create(server).id);
}

static void leave_out(void *arg)
{
    static struct server server;
    struct shard *s = begin(&server);
    write_points(s, 0, POINTS / 2);
    add_field(s, "a", CRAMPED_ID);
    add_field(s, "b", BOOLEAN_ID);
    work(&server);
    want_second_column_only(s, SEGMENT_GROWING);
    want_found(s, "a", POINTS / 8);
    want_found(s, "b", POINTS / 2 - POINTS / 8);
    write_points(s, POINTS / 2, POINTS);
    work(&server);
    want_second_column_only(s, SEGMENT_GROWING);
    want_found(s, "a", POINTS / 4);
    shard_freeze(s);
    work(&server);
    want_second_column_only(s, SEGMENT_SEALED);
    want_found(s, "a", POINTS / 4);
    want_found(s, "b", POINTS - POINTS / 4);
    server_close(&server);
}

/* The first row of a new segment that does not fit takes the column out; later rows do not bring it
 * back while the segment grows. */
static void drop_while_growing(void *arg)
{
    static struct server server;
    struct shard *s = begin(&server);
    add_field(s, "a", CRAMPED_ID);
    add_field(s, "b", BOOLEAN_ID);
    write_points(s, 1, 4); /* all of them fit */
    want(segment_column_find(s->growing, 0));
    write_points(s, 4, POINTS);
    want_second_column_only(s, SEGMENT_GROWING);
    want_found(s, "a", POINTS / 4 - 1);
    server_close(&server);
}

/* -- memory -- */

#define VALUES 1000 /* of a row, in the tests of memory */

static uint64_t granted;

static int hook_memory(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg)
{
    *ret = granted;
    return wanted <= granted ? 0 : -ENOMEM;
}

static void write_many_values(struct shard *s, uint32_t from, uint32_t to)
{
    static char text[16 + 2 * VALUES] = "{\"a\":[1";
    for (uint32_t i = 1; i < VALUES; i++)
        strcpy(text + 5 + 2 * i, ",2");
    strcpy(text + 5 + 2 * VALUES, "]}");
    for (uint32_t n = from; n < to; n++)
        write_point(s, n, text);
}

static void want_column(struct shard *s, bool there)
{
    want_eq(segment_column_find(s->growing, 0) != NULL, there);
}

static void waits(void *arg)
{
    static struct server server;
    struct shard *s = begin(&server);
    struct store *store = server.stores[0];
    const struct column_kind *kind = column_kind_named("integer");
    write_many_values(s, 0, POINTS);
    add_field(s, "a", kind->id);
    store->options.hooks.memory = hook_memory;
    granted = store_memory_needed(store) + kind->need(POINTS, POINTS, false) / 2;
    store_memory_grant(store, granted, 0);
    work(&server);
    want_column(s, false);
    granted = store_memory_needed(store) + 2 * kind->need(POINTS, POINTS, false);
    store_memory_grant(store, granted, 0);
    work(&server);
    want_column(s, true);
    server_close(&server);
}

/* A growing segment has its column, so the store knows how many values a seal or merge sorts. */
static void is_asked_for(void *arg)
{
    static struct server server;
    struct shard *s = begin(&server);
    struct store *store = server.stores[0];
    const struct column_kind *kind = column_kind_named("integer");
    const uint64_t need = kind->need(POINTS, (uint64_t)POINTS * VALUES, true);
    struct memory_use use = {0};
    struct merge_choice choice = {.count = 2};
    add_field(s, "a", kind->id);
    write_many_values(s, 0, POINTS);
    store_memory_read(store, &use);
    want(store_memory_needed(store) >= memory_use_sum(&use) + need);
    for (unsigned i = 0; i < 2; i++) {
        shard_freeze(s);
        work(&server);
        if (i == 0)
            write_many_values(s, POINTS, 2 * POINTS);
    }
    for (uint32_t i = 0, n = 0; i < s->segment_count; i++)
        if (s->segments[i] && s->segments[i]->rows.count) {
            want(n < 2 && segment_column_find(s->segments[i], 0));
            choice.inputs[n++] = s->segments[i];
        }
    want(merge_memory(s, &choice) >= kind->need(2 * POINTS, (uint64_t)2 * POINTS * VALUES, true));
    /* dead rows are not written */
    choice.inputs[0]->rows.dead = choice.inputs[1]->rows.dead = POINTS - 1;
    want(merge_memory(s, &choice) < need);
    choice.inputs[0]->rows.dead = choice.inputs[1]->rows.dead = 0;
    server_close(&server);
}

static void run(void (*fn)(void *arg))
{
    cramped = column_boolean;
    cramped.name = "cramped";
    cramped.id = CRAMPED_ID;
    cramped.append = append;
    column_kind_add(&column_boolean);
    column_kind_add(&cramped);
    world_run_well(BACKEND_SIM, 1, fn, NULL);
}

Test(columns, too_many_values_leave_out_the_one_column_in_the_background_and_in_a_seal)
{
    run(leave_out);
}
Test(columns, too_many_values_drop_the_column_of_a_growing_segment)
{
    run(drop_while_growing);
}
Test(columns, a_build_without_memory_for_its_column_is_left_for_later)
{
    run(waits);
}
Test(columns, a_seal_and_a_merge_ask_for_the_memory_of_the_sort)
{
    run(is_asked_for);
}
