/* Tests live queries: queries are sampled and counted, and the recall of a segment is measured with
 * them when it is sealed or compacted. */
#include "base/memory_use.h"
#include "shards/background/live_queries.h"
#include "shards/memory.h"
#include "stores.h"

#include <math.h>
#include <string.h>

#define POINTS 600 /* enough for a recall to be measured */

static struct server server;
static struct collection_config config;

/* Fills one growing segment of each store with `points` points. */
static void begin(unsigned reactors, uint32_t points)
{
    const struct store_tuning tuning = {.growing_bytes_max = 1 << 20};
    server_open(&server, reactors);
    config = create(&server);
    for (unsigned r = 0; r < reactors; r++)
        store_tune(server.stores[r], &tuning);
    for (uint32_t n = 0; n < points * reactors; n++) {
        const struct point_id id = id_of(n);
        float vector[DIM];
        for (unsigned i = 0; i < DIM; i++)
            vector[i] = sinf((float)(n * (i + 3) % 1009));
        const struct point_batch batch = {.count = 1, .ids = &id, .vectors = vector};
        struct error e = {0};
        want_eq(shard_upsert(owner(&server, &config, id), &batch, &e), 0);
    }
}

static struct shard *shard_of(unsigned reactor)
{
    return store_shard(server.stores[reactor], config.id);
}

static void ask(unsigned reactor, uint32_t number)
{
    const float vector[DIM] = {(float)number, 1};
    const struct shard_query query = {.vector = vector, .k = 3, .recall = 0.98f};
    struct point_hit hits[3];
    want(shard_search(shard_of(reactor), &query, hits) >= 0);
}

static uint64_t searches_memory(void)
{
    struct memory_use use = {0};
    search_workspaces_destroy(server.stores[0]->workspaces); /* which are counted there, too */
    server.stores[0]->workspaces = NULL;
    server.stores[0]->workspaces_kept = 0;
    store_memory_read(server.stores[0], &use);
    return use.bytes[MEMORY_SEARCHES];
}

static void samples(void *arg)
{
    begin(1, POINTS);
    want_eq(searches_memory(), 0);
    for (uint32_t n = 0; n < 50; n++)
        ask(0, n);
    const struct live_queries *q = shard_of(0)->queries;
    want(q && q->sample.count == 50 && q->sample.live == 50);
    for (uint32_t n = 0; n < 50; n++)
        want_eq(q->sample.vectors[n * DIM], (float)n);
    want_eq(searches_memory(), live_queries_bytes(q));
    want(live_queries_bytes(q) >= 50 * DIM * sizeof(float));
    for (uint32_t n = 50; n < 10000; n++)
        ask(0, n);
    uint32_t old = 0;
    for (uint32_t i = 0; i < q->sample.count; i++)
        old += q->sample.vectors[i * DIM] < 5000;
    want_eq(q->sample.count, LIVE_QUERIES_MAX);
    /* each query is kept with the same probability: 32 are expected, with a deviation of 4 */
    want(old >= 10 && old <= 54);
    for (uint32_t n = 0; n < 100000; n++)
        live_queries_note(shard_of(0), (const float[DIM]){-1});
    for (uint32_t i = old = 0; i < q->sample.count; i++)
        old += q->sample.vectors[i * DIM] >= 0;
    want(old <= 16); /* newer queries replace older ones */
    want_eq(searches_memory(), live_queries_bytes(q));
    server_close(&server);
}

Test(live_queries, the_first_are_kept_then_all_are_as_likely_and_old_ones_fade)
{
    world_run_well(BACKEND_SIM, 1, samples, NULL);
}

static void none(void *arg)
{
    begin(1, 20);
    for (uint32_t n = 0; n < 50; n++)
        ask(0, n);
    want(shard_of(0)->queries == NULL); /* a segment of 20 points is not measured */
    server_close(&server);
    begin(1, POINTS);
    server.stores[0]->live_query_bytes = LIVE_QUERIES_STORE - sizeof(struct live_queries);
    ask(0, 1);
    want_eq(shard_of(0)->queries->sample.count, 0); /* other shards hold all memory for samples */
    server_close(&server);
}

Test(live_queries, are_not_kept_where_nothing_is_measured_or_others_have_all_memory_for_them)
{
    world_run_well(BACKEND_SIM, 1, none, NULL);
}

static void gathers(void *arg)
{
    struct gathered_queries g;
    begin(2, POINTS);
    for (uint32_t n = 0; n < 40; n++)
        ask(0, n);
    for (uint32_t n = 30; n < 50; n++) /* ten of these queries also came to the other store */
        ask(1, n);
    want_eq(gathered_queries_init(&g, shard_of(1), POINTS), 0);
    want_eq(g.sample.count, 50);
    want_eq(g.sample.live, 50);
    bool met[50] = {0};
    for (uint32_t i = 0; i < g.sample.count; i++)
        met[(int)g.sample.vectors[i * DIM]] = true;
    for (uint32_t n = 0; n < 50; n++)
        want(met[n]);
    gathered_queries_fini(&g);
    want_eq(gathered_queries_init(&g, shard_of(1), 100), 0);
    want_eq(g.sample.count, 0);
    gathered_queries_fini(&g);
    server_close(&server);
}

Test(live_queries, of_all_reactors_are_gathered_once)
{
    world_run_well(BACKEND_SIM, 1, gathers, NULL);
}

/* The number of queries with which the curve of the only segment was measured. */
static uint32_t measured(void)
{
    static struct segment_info infos[4];
    want_eq(shard_segments(shard_of(0), infos, 4), 1);
    want_eq(infos[0].state, SEGMENT_SEALED);
    return infos[0].recall.of[0].queries;
}

static void measures(void *arg)
{
    static struct compaction compaction;
    const bool asks = *(bool *)arg;
    struct error e = {0};
    begin(1, POINTS);
    compaction_start(&compaction, &server);
    for (uint32_t n = 0; asks && n < 40; n++)
        ask(0, n);
    want_eq(shard_seal(shard_of(0), NULL, &e), 0);
    const uint32_t rows = 96;
    want_eq(measured(), asks ? rows + 40 : rows);
    for (uint32_t n = 0; n < POINTS / 3; n++) {
        const struct point_id id = id_of(n);
        uint32_t deleted;
        want_eq(shard_delete(shard_of(0), &id, 1, &deleted, &e), 0);
    }
    want_eq(shard_compact(shard_of(0), NULL, &e), 0);
    want_eq(measured(), rows + LIVE_QUERIES_MAX); /* deleted rows are among the queries */
    compaction_stop(&compaction);
    server_close(&server);
    server_open(&server, 1);
    want_eq(measured(), rows + LIVE_QUERIES_MAX);
    want(shard_of(0)->queries == NULL); /* the queries are not stored, only the curve is */
    server_close(&server);
}

Test(live_queries, a_sealed_and_a_compacted_segment_are_measured_with_them)
{
    world_run_well(BACKEND_SIM, 1, measures, &(bool){true});
}

Test(live_queries, where_none_came_a_compacted_segment_is_measured_with_deleted_rows_alone)
{
    world_run_well(BACKEND_SIM, 1, measures, &(bool){false});
}
