/* test_columns.c -- a column that would have too many values is left out, while its segment grows,
 * when the background builds it, and when the segment is sealed. Filters then read payloads, and
 * the other fields get their columns. */
#include "../boolean/boolean.h"
#include "query/filter.h"
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

static void write_points(struct shard *s, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++) {
        const char *const text = n % 4 ? "{\"a\":false,\"b\":true}" : "{\"a\":true,\"b\":false}";
        const float vector[DIM] = {(float)n};
        const struct point_id id = id_of(n);
        const void *payload = text;
        const uint32_t size = (uint32_t)strlen(text);
        const struct point_batch b = {
            .count = 1, .ids = &id, .vectors = vector, .payloads = &payload, .payload_sizes = &size};
        struct error e = {0};
        want_eq(shard_upsert(s, &b, &e), 0);
    }
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
