/* test_segment_columns.c -- a growing segment whose column lags behind a long payload, and a column
 * that is built while rows come, is stopped, or has too many values. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "shards/segment/segment.h"
#include "shards/segment/segment_columns.h"
#include "shards/segment/segment_filter.h"

#include <stdio.h>
#include <string.h>

#define DIM      4
#define ROWS_MAX 1000

static struct collection_config config = {.id = 1, .slots = 1};
static struct schema *schema;

static struct segment *create(void)
{
    struct segment *g;
    const struct field_spec field = {.kind = column_kind_named("integer")->id, .path = "a"};
    const struct schema_change change = {.add_field = &field};
    want_eq(schema_change(one_vector(DIM, METRIC_L2), &change, "c", &schema, NULL), 0);
    config.schema = schema;
    want_eq(growing_create(&config, ROWS_MAX, &g), 0);
    segment_columns_begin(g, schema);
    return g;
}

static void destroy(struct segment *g)
{
    segment_destroy(g);
    schema_release(schema);
}

/* The payload of row n is {"a":n}, padded to `size` bytes. */
static void append(struct segment *g, uint32_t size)
{
    const uint32_t row = g->rows.count;
    const float vector[DIM] = {1, 2, 3, (float)row};
    const struct point_id id = {0, row + 1};
    char *payload = malloc(size + 32);
    const int n = sprintf(payload, "{\"a\":%u}", row);
    want(payload != NULL);
    memset(payload + n, ' ', size + 32 - (size_t)n);
    want_eq(growing_append(g, &config, id, row + 1, vector, payload, size < (uint32_t)n ? (uint32_t)n : size, NULL),
            row);
    free(payload);
}

static const struct segment_column *ready(const struct segment *g)
{
    return segment_column_find(g, schema->fields[0].number);
}

/* Each row passes for its own number, by the column or by its payload. */
static void check_filter(struct segment *g)
{
    struct segment_filter f;
    struct filter_counts counts = {0};
    segment_filter_begin(&f, g, g->rows.count, &counts);
    want_eq(f.rows.column_count, ready(g) != NULL);
    for (uint32_t row = 0; row < g->rows.count; row++)
        for (int64_t n = (int64_t)row - 1; n <= row + 1; n++) {
            const struct value value = {VALUE_INTEGER, .integer = n};
            const struct predicate p = {.op = PREDICATE_EQ,
                                        .field = schema->fields[0].number,
                                        .kind = column_kind_named("integer"),
                                        .path = "a",
                                        .values = {&value, 1}};
            const bool passes = ready(g) ? column_test(f.columns[0], &p, row) : f.rows.test(f.rows.arg, &p, row);
            want_eq(passes, n == row);
        }
    want_eq(f.failed, 0);
    segment_filter_end(&f);
}

static void lags(void *arg)
{
    struct segment *g = create();
    append(g, 0);
    append(g, PAYLOAD_AT_ONCE);
    want(ready(g) != NULL && !segment_column_is_due(g, schema->fields[0].number));
    append(g, PAYLOAD_AT_ONCE + 1);
    append(g, 0);
    want(!ready(g) && segment_column_is_due(g, schema->fields[0].number));
    check_filter(g);
    /* the rows that it has stay */
    want_eq(g->columns.first->column.rows, 2);
    want_eq(segment_column_build(g, &schema->fields[0], NULL), 1);
    want(ready(g) && ready(g)->column.rows == 4);
    append(g, 0);
    check_filter(g);
    want_eq(segment_column_build(g, &schema->fields[0], NULL), 0);
    destroy(g);
}

Test(segment_columns, a_column_lags_behind_a_long_payload_until_it_is_built)
{
    world_run_well(BACKEND_SIM, 1, lags, NULL);
}

struct writer {
    struct segment *segment;
    unsigned rows; /* that are still to come, one at each pause */
    uint32_t size; /* of their payloads */
    int rc;        /* of the pause behind them */
};

static int write_at_pause(void *arg)
{
    struct writer *w = arg;
    if (w->rows == 0)
        return w->rc;
    w->rows--;
    append(w->segment, w->size);
    return 0;
}

static void grows(void *arg)
{
    static const uint32_t sizes[] = {0, PAYLOAD_AT_ONCE, PAYLOAD_AT_ONCE + 1};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct segment *g = create();
        struct writer w = {g, 40, sizes[i], 0};
        const struct pause pause = {write_at_pause, &w};
        /* read with a pause in the middle of the last one, too */
        for (unsigned row = 0; row < 5; row++)
            append(g, PAYLOAD_AT_ONCE + 1);
        want_eq(segment_column_build(g, &schema->fields[0], &pause), 1);
        want_eq(w.rows, 0);
        want(ready(g) && ready(g)->column.rows == 45);
        check_filter(g);
        destroy(g);
    }
}

Test(segment_columns, a_build_takes_the_rows_that_come_at_its_pauses)
{
    world_run_well(BACKEND_SIM, 1, grows, NULL);
}

static void goes_on(void *arg)
{
    struct segment *g = create();
    struct writer w = {g, 10, 100, -ECANCELED};
    const struct pause pause = {write_at_pause, &w};
    for (unsigned row = 0; row < 5; row++)
        append(g, PAYLOAD_AT_ONCE + 1);
    want_eq(segment_column_build(g, &schema->fields[0], &pause), -ECANCELED);
    want(!ready(g) && g->columns.first->column.rows > 0);
    check_filter(g);
    w.rc = 0;
    want_eq(segment_column_build(g, &schema->fields[0], &pause), 1);
    check_filter(g);
    destroy(g);
}

Test(segment_columns, a_build_that_was_stopped_goes_on)
{
    world_run_well(BACKEND_SIM, 1, goes_on, NULL);
}

static int drop_field(void *arg)
{
    struct segment *g = arg;
    struct schema *without;
    const struct schema_change change = {.drop_field = "a"};
    if (!g->columns.first)
        return 0;
    want_eq(schema_change(schema, &change, "c", &without, NULL), 0);
    segment_columns_keep(g, without);
    schema_release(without);
    return 0;
}

static void is_dropped(void *arg)
{
    struct segment *g = create();
    const struct pause pause = {drop_field, g};
    append(g, PAYLOAD_AT_ONCE + 1);
    append(g, 0);
    want_eq(segment_column_build(g, &schema->fields[0], &pause), 0);
    want(!g->columns.first && g->columns.dropped && g->columns.dropped->users == 0);
    segment_column_free_dropped(g, g->columns.dropped);
    destroy(g);
}

Test(segment_columns, a_field_may_be_dropped_while_its_column_is_built)
{
    world_run_well(BACKEND_SIM, 1, is_dropped, NULL);
}

/* {"a":[2,2,...]} with one value too many for a column */
static char *too_many_values(uint32_t *ret_size)
{
    char *text = malloc((size_t)2 * PAYLOAD_VALUES_MAX + 16), *at = text;
    want(text != NULL);
    at += sprintf(at, "{\"a\":[2");
    for (uint32_t i = 0; i < PAYLOAD_VALUES_MAX; i++, at += 2)
        memcpy(at, ",2", 2);
    memcpy(at, "]}", 2);
    *ret_size = (uint32_t)(at + 2 - text);
    return text;
}

static void is_left_out(void *arg)
{
    uint32_t size;
    struct segment *g = create();
    char *payload = too_many_values(&size);
    append(g, 0);
    append(g, 0);
    want_eq(growing_append(g, &config, (struct point_id){0, 3}, 3, (float[DIM]){0}, payload, size, NULL), 2);
    append(g, 0);
    /* the payload is long, so the column lags first */
    want(segment_column_is_due(g, schema->fields[0].number));
    want_eq(segment_column_build(g, &schema->fields[0], NULL), 0);
    want(!ready(g) && !segment_column_is_due(g, schema->fields[0].number));
    want_eq(g->columns.first->column.rows, 0);
    append(g, 0);
    check_filter(g);
    free(payload);
    destroy(g);
}

Test(segment_columns, a_column_of_too_many_values_is_left_out)
{
    world_run_well(BACKEND_SIM, 1, is_left_out, NULL);
}
