/* Tests the throttle: writers that are faster than graphs are built are slowed smoothly to the
 * speed of the builder. Time is virtual, and the builder takes 1 ms for each row. */
#include "shards/background/throttle.h"
#include "stores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROW_NS  ((uint64_t)1000000)
#define BOUND   50
#define WRITERS 4
#define ROWS    1500 /* rows of all writers */
#define SETTLED 600  /* from this row on, the speed is measured */

static struct server server;
static struct collection_config config;
static struct shard *shard;
static uint32_t written, graphed, writers_left, behind_min, behind_max;
static uint64_t longest_ns, free_ns, settled_at_ns;

static void look(uint32_t rows)
{
    const uint32_t behind = rows - graphed;
    if (rows == SETTLED)
        settled_at_ns = clock_now_ns();
    if (rows < SETTLED)
        return;
    behind_min = behind < behind_min ? behind : behind_min;
    behind_max = behind > behind_max ? behind : behind_max;
}

static uint64_t write_one(void)
{
    float vector[DIM] = {(float)(random_u64() % 1000), 1};
    struct point_id id = {1, written};
    struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector};
    struct error e = {0};
    uint64_t start_ns = clock_now_ns();
    want_eq(shard_upsert(shard, &batch, &e), 0);
    return clock_now_ns() - start_ns;
}

static void writer(void *arg)
{
    while (written < ROWS) {
        const uint64_t ns = write_one();
        longest_ns = ns > longest_ns ? ns : longest_ns;
        if (++written <= BOUND)
            free_ns = ns > free_ns ? ns : free_ns;
        look(written);
    }
    writers_left--;
}

static void build_one(void)
{
    const struct segment *g = shard->growing;
    want_eq(segment_index_build(g->vectors[0].index, &g->vectors[0].values.at,
                                segment_index_graphed(g->vectors[0].index) + 1, NULL, NULL),
            0);
    graphed = segment_index_graphed(g->vectors[0].index);
}

static void builder(void *arg)
{
    const struct segment *g;
    while (writers_left) {
        fiber_sleep_ns(ROW_NS);
        g = shard->growing;
        if (!g || segment_index_graphed(g->vectors[0].index) == g->rows.count)
            continue;
        build_one();
        throttle_measure(shard->store, ROW_NS, 1);
    }
}

static void write_fast(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    const struct store_tuning tuning = {.growing_bytes_max = (uint64_t)1 << 20, .backlog_rows = BOUND};
    store_tune(server.stores[0], &tuning);
    shard = store_shard(server.stores[0], config.id);
    shard->config.durability = DURABILITY_NONE; /* so that no flush takes time */
    throttle_measure(server.stores[0], ROW_NS, 1);
    (void)write_one(); /* the first write makes a clean collection dirty */
    build_one();       /* without a graph, so few rows are only scanned */
    writers_left = WRITERS;
    behind_min = UINT32_MAX;
    for (unsigned i = 0; i < WRITERS; i++)
        want_eq(fiber_start(CLASS_WRITE, writer, NULL, "writer"), 0);
    builder(NULL);

    /* Writers are as fast as the builder. Their backlog is where the urgency is 1: 1.7 times the
     * bound. */
    const uint64_t took_ns = clock_now_ns() - settled_at_ns, rows = ROWS - SETTLED;
    want(took_ns > rows * ROW_NS * 8 / 10 && took_ns < rows * ROW_NS * 12 / 10);
    want(behind_min > BOUND * 13 / 10 && behind_max < BOUND * 21 / 10);
    /* A write queues behind those of the other writers, and waits only a few times as long as these
     * take. */
    want(longest_ns < 4 * WRITERS * ROW_NS);
    want(free_ns < ROW_NS / 100);
    struct store_stats stats;
    store_stats_read(server.stores[0], &stats);
    want(stats.slowed_writes > ROWS / 2 && stats.slowed_ns > rows * ROW_NS);
    server_close(&server);
}

Test(throttle, writers_are_slowed_to_the_pace_of_graphs_without_jumps)
{
    world_run_well(BACKEND_SIM, 1, write_fast, NULL);
}

static bool answered;

static void want_answer(void *arg)
{
    fiber_sleep_ns(SECONDS(10));
    want(answered);
}

/* No segment is sealed, so there is no room for more rows, and no backlog slows the writers. */
static void wait_for_room_in_vain(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    shard = store_shard(server.stores[0], config.id);
    const float vector[DIM] = {1, 1};
    struct point_id id = {1, 0};
    struct context ctx = {0};
    struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector, .ctx = &ctx};
    struct error e = {0};
    while (shard->frozen < throttle_frozen_max(shard)) {
        id.lo++;
        want_eq(shard_upsert(shard, &batch, &e), 0);
    }
    const uint64_t began_ns = clock_now_ns();
    answered = false;
    want_eq(fiber_start(CLASS_INTERACTIVE, want_answer, NULL, "watch"), 0);
    ctx.deadline_ns = began_ns + MILLIS(50);
    want_eq(shard_upsert(shard, &batch, &e), -ETIME);
    answered = true;
    want(e.code == ERROR_DEADLINE_EXCEEDED && strstr(e.text, "not begun"));
    want(clock_now_ns() - began_ns < MILLIS(100));
    fiber_sleep_ns(SECONDS(10));
    server_close(&server);
}

Test(throttle, a_write_that_waits_for_room_ends_with_its_deadline)
{
    world_run_well(BACKEND_SIM, 1, wait_for_room_in_vain, NULL);
}

static void cancel_soon(void *arg)
{
    fiber_sleep_ns(5 * ROW_NS);
    context_cancel(arg);
}

/* A write that waits for its turn ends at its deadline or when it is cancelled. It is not made, and
 * delays no other write. */
static void give_up(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    const struct store_tuning tuning = {.growing_bytes_max = (uint64_t)1 << 20, .backlog_rows = BOUND};
    store_tune(server.stores[0], &tuning);
    shard = store_shard(server.stores[0], config.id);
    throttle_measure(server.stores[0], 1000 * ROW_NS, 1);
    (void)write_one();
    build_one();
    for (written = 1; written < 2 * BOUND; written++)
        (void)write_one();
    want(shard->throttle_ns > clock_now_ns() + 500 * ROW_NS);
    const uint64_t throttle_ns = shard->throttle_ns, began_ns = clock_now_ns();
    const uint32_t rows = shard->growing->rows.count;
    const float vector[DIM] = {1, 1};
    const struct point_id id = {1, 1000};
    struct context late = {.deadline_ns = began_ns + 20 * ROW_NS}, cancelled = {0};
    struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector, .ctx = &late};
    struct error e = {0};
    want_eq(shard_upsert(shard, &batch, &e), -ETIME);
    want(e.code == ERROR_DEADLINE_EXCEEDED && strstr(e.text, "not begun"));
    want(clock_now_ns() - began_ns < 25 * ROW_NS);
    batch.ctx = &cancelled;
    want_eq(fiber_start(CLASS_WRITE, cancel_soon, &cancelled, "canceller"), 0);
    want_eq(shard_upsert(shard, &batch, &e), -ECANCELED);
    want(e.code == ERROR_CANCELLED && strstr(e.text, "not begun"));
    want(clock_now_ns() - began_ns < 45 * ROW_NS);
    want_eq(shard->growing->rows.count, rows);
    want_eq(shard->throttle_ns, throttle_ns);
    server_close(&server);
}

Test(throttle, a_write_that_waits_can_be_given_up)
{
    world_run_well(BACKEND_SIM, 1, give_up, NULL);
}

static void waiting_segments(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    shard = store_shard(server.stores[0], config.id);
    struct store_tuning tuning = {.growing_bytes_max = 1000 * DIM * sizeof(float)};
    store_tune(server.stores[0], &tuning);
    want_eq(throttle_frozen_max(shard), 2);
    tuning.backlog_rows = 10000;
    store_tune(server.stores[0], &tuning);
    want_eq(throttle_frozen_max(shard), 20);
    tuning.backlog_rows = 10;
    store_tune(server.stores[0], &tuning);
    want_eq(throttle_frozen_max(shard), 2);
    server_close(&server);
}

Test(throttle, as_many_segments_may_wait_as_the_bound_lets_come)
{
    world_run_well(BACKEND_SIM, 1, waiting_segments, NULL);
}

#define BATCH_ROWS    10000
#define SCANNED_BYTES ((uint64_t)4 << 20)

/* Returns the time that it took, in ns. */
static uint64_t write_batch(uint32_t n)
{
    struct point_id *ids = calloc(BATCH_ROWS, sizeof(*ids));
    float *vectors = calloc(BATCH_ROWS, DIM * sizeof(*vectors));
    want(ids && vectors);
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        ids[i] = (struct point_id){1, n * BATCH_ROWS + i};
        vectors[(size_t)i * DIM] = (float)(random_u64() % 1000);
    }
    const struct point_batch batch = {.count = BATCH_ROWS, .ids = ids, .vectors = vectors};
    struct error e = {0};
    const uint64_t start_ns = clock_now_ns();
    want_eq(shard_upsert(shard, &batch, &e), 0);
    free(ids);
    free(vectors);
    return clock_now_ns() - start_ns;
}

static uint64_t scanned_bytes(void)
{
    return shard->growing ? segment_index_scanned_bytes(shard->growing->vectors[0].index) : 0;
}

/* No fiber makes codes. Writers wait for codes for at most a second. They do not wait while memory
 * for codes is lacking, nor once the codes are there. */
static void write_without_codes(void *arg)
{
    server_open(&server, 1);
    config = create(&server);
    shard = store_shard(server.stores[0], config.id);
    shard->config.durability = DURABILITY_NONE;
    const struct store_tuning tuning = {.growing_bytes_max = (uint64_t)64 << 20};
    store_tune(server.stores[0], &tuning);
    uint32_t n = 0;
    while (scanned_bytes() <= SCANNED_BYTES)
        want(write_batch(n++) < 500000000);
    uint64_t ns = write_batch(n++);
    want(ns >= 1000000000 && ns < 1500000000);
    struct store_stats stats;
    store_stats_read(server.stores[0], &stats);
    want(stats.slowed_writes == 1 && stats.slowed_ns >= 1000000000);
    server.stores[0]->memory.wanted = true;
    want(write_batch(n++) < 500000000);
    server.stores[0]->memory.wanted = false;

    want_eq(store_prepare(server.stores[0]), 1);
    want_eq(store_prepare(server.stores[0]), 0);
    want_eq(scanned_bytes(), 0);
    want_eq(segment_index_graphed(shard->growing->vectors[0].index), 0);
    want(write_batch(n++) < 500000000);
    want_eq(scanned_bytes(), 0);
    server_close(&server);
}

Test(throttle, the_first_rows_wait_for_codes)
{
    world_run_well(BACKEND_SIM, 1, write_without_codes, NULL);
}
