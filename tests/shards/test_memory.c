/* Tests that a store uses no more memory than it is granted. Growing segments are sealed first,
 * then writes are refused before they are logged, and deletions go on. When memory is scarce,
 * indexes are made smaller, sealed ones too. */
#include "../columns/one_vector.h"
#include "base/memory_use.h"
#include "shards/memory.h"
#include "stores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEALED_BYTES (128 << 10)

static struct {
    uint64_t bytes; /* the memory that may be used */
    unsigned asked, refused;
} bound;

static int hook_memory(uint64_t wanted, bool frees, uint64_t *ret, struct error *error, void *arg)
{
    bound.asked++;
    *ret = bound.bytes;
    if (wanted <= bound.bytes)
        return 0;
    bound.refused++;
    error_set(error, ERROR_RESOURCE_EXHAUSTED, "full");
    return -ENOMEM;
}

static struct server server;
static struct collection_config config;
static struct truth truth[IDS];
static struct compaction compaction;

static void begin(const struct index_options *index)
{
    server_open(&server, 1);
    server.stores[0]->options.hooks.memory = hook_memory;
    bound.bytes = UINT64_MAX;
    config = create_indexed(&server, index);
    compaction_start(&compaction, &server);
}

static void end(void)
{
    compaction_stop(&compaction);
    compare(&server, &config, truth);
    server_close(&server);
}

static int try_upsert(uint32_t n, struct error *e)
{
    float vector[DIM] = {1};
    struct point_id id = id_of(n);
    struct point_batch b = {.count = 1, .ids = &id, .vectors = vector};
    return shard_upsert(owner(&server, &config, id), &b, e);
}

static void refuses(void *arg)
{
    begin(&(struct index_options){0});
    for (uint32_t n = 0; n < IDS / 2; n++)
        upsert(&server, &config, truth, n);
    struct store *store = server.stores[0];
    struct store_stats before, after;
    struct error e = {0};
    /* Enough for the present state and a few sealed segments: growing segments are sealed, and then
     * there is room again. */
    bound.bytes = store_memory_needed(store) + SEALED_BYTES;
    store_memory_grant(store, bound.bytes, 0);
    store_stats_read(store, &before);
    for (unsigned i = 0; i < 300; i++)
        want_eq(try_upsert(0, &e), 0);
    memset(&truth[0], 0, sizeof(truth[0]));
    truth[0] = (struct truth){.there = true, .vector = {1}};
    store_stats_read(store, &after);
    want(after.seals > before.seals);
    want(store_memory_needed(store) <= bound.bytes);
    /* So little that no sealing helps. */
    bound.bytes = 1000;
    store_memory_grant(store, bound.bytes, 0);
    store_stats_read(store, &before);
    want_eq(try_upsert(0, &e), -ENOMEM);
    want_eq(e.code, ERROR_RESOURCE_EXHAUSTED);
    want(bound.refused > 0);
    store_stats_read(store, &after);
    want_eq(after.log_records, before.log_records); /* the refused write is not in the log */
    for (uint32_t n = 1; n < IDS / 2; n++)
        erase(&server, &config, truth, n);
    compare(&server, &config, truth);
    bound.bytes = (uint64_t)1 << 30;
    want_eq(try_upsert(0, &e), 0);
    end();
}

Test(memory, what_is_not_granted_is_refused_before_it_is_logged)
{
    world_run_well(BACKEND_SIM, 1, refuses, NULL);
}

/* The first row of a wide collection also needs memory that does not depend on the number of rows.
 * The store asks for all of it. */
static void wide(void *arg)
{
    static float vector[65536];
    struct error e = {0};
    struct point_id id = id_of(1);
    struct point_batch b = {.count = 1, .ids = &id, .vectors = vector};
    begin(&(struct index_options){0});
    struct store *store = server.stores[0];
    struct collection_config c = {.id = 77, .schema = one_vector(65536, METRIC_L2)};
    strcpy(c.name, "wide");
    want_eq(collection_config_check(&c, NULL), 0);
    want_eq(store_create_collection(store, &c), 0);
    bound.bytes = store_memory_needed(store) + ((uint64_t)3 << 20);
    store_memory_grant(store, bound.bytes, 0);
    want_eq(shard_upsert(store_shard(store, c.id), &b, &e), -ENOMEM);
    want_eq(store_drop_collection(store, c.id), 0);
    end();
}

Test(memory, the_first_row_of_a_wide_collection_is_asked_for_as_it_is)
{
    world_run_well(BACKEND_SIM, 1, wide, NULL);
}

static bool all_links_are(enum links_kind kind)
{
    static struct segment_info infos[64];
    uint32_t n = shard_segments(store_shard(server.stores[0], config.id), infos, 64);
    unsigned sealed = 0;
    for (uint32_t i = 0; i < n; i++) {
        sealed += infos[i].state == SEGMENT_SEALED && infos[i].rows;
        if (infos[i].state == SEGMENT_SEALED && infos[i].rows && infos[i].index.links != kind)
            return false;
    }
    return sealed > 0;
}

static void seal(void)
{
    struct error e = {0};
    want_eq(shard_seal(store_shard(server.stores[0], config.id), NULL, &e), 0);
}

/* Lets background work run until `done` holds. */
static void settle(bool (*done)(enum links_kind kind), enum links_kind kind)
{
    for (unsigned i = 0; i < 10000 && !done(kind); i++) {
        store_notify_work(server.stores[0]);
        fiber_sleep_ns(1000000);
    }
    want(done(kind));
}

static void rewrites(void *arg)
{
    begin(&(struct index_options){0});
    for (uint32_t n = 0; n < IDS; n++)
        upsert(&server, &config, truth, n);
    seal();
    want(all_links_are(LINKS_PLAIN));
    store_memory_grant(server.stores[0], UINT64_MAX, 1);
    settle(all_links_are, LINKS_PACKED);
    compare(&server, &config, truth);
    store_memory_grant(server.stores[0], UINT64_MAX, 0); /* packed links stay packed */
    for (unsigned i = 0; i < 100; i++)
        fiber_sleep_ns(1000000);
    want(all_links_are(LINKS_PACKED));
    end();
}

Test(memory, when_it_is_scarce_sealed_segments_are_rewritten_and_not_back)
{
    world_run_well(BACKEND_SIM, 1, rewrites, NULL);
}

static void given(void *arg)
{
    begin(&(struct index_options){.links = LINKS_PLAIN});
    for (uint32_t n = 0; n < IDS; n++)
        upsert(&server, &config, truth, n);
    seal();
    store_memory_grant(server.stores[0], UINT64_MAX, 3);
    for (unsigned i = 0; i < 100; i++)
        fiber_sleep_ns(1000000);
    want(all_links_are(LINKS_PLAIN));
    end();
}

Test(memory, what_a_user_gave_is_never_changed)
{
    world_run_well(BACKEND_SIM, 1, given, NULL);
}

/* The count of used memory grows with the rows, and is 0 after the collection is dropped. */
static void counts(void *arg)
{
    struct memory_use empty = {0}, full = {0}, sealed = {0}, gone = {0};
    begin(&(struct index_options){0});
    struct store *store = server.stores[0];
    store_memory_read(store, &empty);
    for (uint32_t n = 0; n < 50; n++)
        upsert(&server, &config, truth, n);
    store_memory_read(store, &full);
    want(full.bytes[MEMORY_ROWS] >= empty.bytes[MEMORY_ROWS] + 50 * (DIM * sizeof(float) + 40));
    want(full.bytes[MEMORY_IDS] >= 50 * 32);
    /* the store also needs memory to build and seal the segment */
    want(memory_use_sum(&full) <= store_memory_needed(store));
    seal();
    store_memory_read(store, &sealed);
    want(sealed.bytes[MEMORY_ROWS] < full.bytes[MEMORY_ROWS]);
    want(sealed.bytes[MEMORY_LINKS] > 0 && sealed.bytes[MEMORY_CODES] > 0 && sealed.mapped > 0);
    compaction_stop(&compaction);
    want_eq(store_drop_collection(store, config.id), 0);
    store_memory_read(store, &gone);
    want(gone.bytes[MEMORY_ROWS] == 0 && gone.bytes[MEMORY_IDS] == 0 && gone.bytes[MEMORY_LINKS] == 0);
    want(gone.bytes[MEMORY_CODES] == 0 && gone.mapped == 0);
    server_close(&server);
}

Test(memory, is_counted_where_it_lies)
{
    world_run_well(BACKEND_SIM, 1, counts, NULL);
}
