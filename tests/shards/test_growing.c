/* Compares a growing segment with the rows that were appended. Rows keep their values while chunks
 * are added and the first chunk moves, also for a search that copied `struct rows` before. Few rows
 * take few bytes, and no segment takes more bytes than growing_bytes() announced,
 * those of its columns included. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "shards/segment/segment.h"

#include <stdio.h>
#include <string.h>

#define DIM      48
#define ROWS_MAX 6000
#define PAYLOAD  "{\"a\":%u}"

static struct collection_config config = {.id = 1, .slots = 1};

static float value(uint32_t row, uint32_t i)
{
    return (float)row + (float)i / DIM;
}

static void append(struct segment *g, uint32_t row)
{
    float vector[DIM];
    char payload[32];
    for (uint32_t i = 0; i < DIM; i++)
        vector[i] = value(row, i);
    const int n = snprintf(payload, sizeof(payload), PAYLOAD, row);
    const struct point_id id = {0, row * 7 + 1};
    want_eq(growing_append(g, &config, id, row + 1, vector, payload, (uint32_t)n, NULL), row);
}

static void check_row(const struct segment *g, const struct rows *vectors, uint32_t row)
{
    char payload[32];
    const float *v = rows_at(vectors, row);
    const struct payload_at p = segment_payload_at(g, row);
    want_eq(segment_id_at(g, row).lo, row * 7 + 1);
    want_eq(segment_version_at(g, row), row + 1);
    want(v[0] == value(row, 0) && v[DIM - 1] == value(row, DIM - 1));
    snprintf(payload, sizeof(payload), PAYLOAD, row);
    want(p.size == strlen(payload) && memcmp(p.bytes, payload, p.size) == 0);
    want(bits_test(g->rows.alive, row));
}

static struct segment *create(void)
{
    struct segment *g;
    config.schema = one_vector(DIM, METRIC_L2);
    want_eq(growing_create(&config, ROWS_MAX, &g), 0);
    return g;
}

static void keeps(void *arg)
{
    struct segment *g = create();
    /* the copies of searches that began after 1, 2, 4, 8 ... rows */
    struct rows held[16];
    static const float *vectors[ROWS_MAX]; /* as training and building keep them over pauses */
    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS_MAX; row++) {
        append(g, row);
        vectors[row] = rows_at(&g->vectors[0].values.at, row);
        if (row + 1 == 1u << count)
            held[count++] = g->vectors[0].values.at;
    }
    for (uint32_t row = 0; row < ROWS_MAX; row++) {
        check_row(g, &g->vectors[0].values.at, row);
        want(vectors[row][0] == value(row, 0) && vectors[row][DIM - 1] == value(row, DIM - 1));
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t row = 0; row < 1u << i; row++)
            check_row(g, &held[i], row);
    want_eq(growing_append(g, &config, (struct point_id){0, 1}, 1, (float[DIM]){0}, NULL, 0, NULL), -ENOSPC);
    segment_destroy(g);
}

Test(growing, rows_stay_what_they_were_also_for_who_began_before)
{
    world_run_well(BACKEND_SIM, 1, keeps, NULL);
}

static uint64_t bytes_of(const struct segment *g)
{
    return g->memory_bytes + g->rows.alive_words * sizeof(uint64_t) + segment_columns_bytes(g);
}

/* With two fields: one that every payload has, and one that none has. */
static struct segment *create_with_columns(void)
{
    struct segment *g;
    struct schema *one, *both;
    struct field_spec field = {.kind = column_kind_named("integer")->id, .path = "a"};
    want_eq(schema_change(one_vector(DIM, METRIC_L2), &(struct schema_change){.add_field = &field}, "c", &one, NULL),
            0);
    strcpy(field.path, "b");
    want_eq(schema_change(one, &(struct schema_change){.add_field = &field}, "c", &both, NULL), 0);
    schema_release(one);
    config.schema = both;
    want_eq(growing_create(&config, ROWS_MAX, &g), 0);
    return g;
}

static void is_announced_for(struct segment *g)
{
    static const uint32_t batches[] = {1, 1, 3, 20, 400, 1000, 1, 3000};
    uint32_t row = 0;
    for (unsigned b = 0; b < ARRAY_LEN(batches); b++) {
        const uint64_t before = bytes_of(g), announced = growing_bytes(g, &config, ROWS_MAX, batches[b]);
        for (uint32_t i = 0; i < batches[b]; i++)
            append(g, row++);
        /* the bits of alive rows double their memory */
        want(bytes_of(g) - before <= announced + g->rows.alive_words / 2 * sizeof(uint64_t));
    }
    segment_destroy(g);
}

static void is_announced(void *arg)
{
    is_announced_for(create());
    const uint64_t without = growing_bytes(NULL, &config, ROWS_MAX, ROWS_MAX);
    struct segment *g = create_with_columns();
    /* a row of an integer column has where its values end, and counts as one value */
    want(growing_bytes(NULL, &config, ROWS_MAX, ROWS_MAX) >= without + 2 * ROWS_MAX * (4 + 8));
    want(growing_bytes(g, &config, ROWS_MAX, ROWS_MAX) >= 2 * ROWS_MAX * (4 + 8));
    is_announced_for(g);
    schema_release(config.schema);
}

Test(growing, takes_no_more_than_was_announced)
{
    world_run_well(BACKEND_SIM, 1, is_announced, NULL);
}

static void is_small(void *arg)
{
    struct segment *g;
    config.schema = one_vector(DIM, METRIC_L2);
    want_eq(growing_create(&config, 1u << 24, &g), 0);
    for (uint32_t row = 0; row < 10; row++)
        append(g, row);
    want(sizeof(*g) + bytes_of(g) + arena_bytes(&g->payloads.arena) + segment_index_bytes(g->vectors[0].index) <
         12 << 10);
    want_eq(segment_backlog(g), 0);
    segment_destroy(g);
}

Test(growing, ten_rows_take_a_few_kib_however_many_there_may_be)
{
    world_run_well(BACKEND_SIM, 1, is_small, NULL);
}
