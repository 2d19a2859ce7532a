/* Tests a small collection beside a busy one. The log is freed though the small one is never
 * sealed: its points, deletions and payloads are appended to the log again and come back from
 * there. */
#include "stores.h"

#include <string.h>

#define BUSY_ID 2

static struct server server;
static struct collection_config small, busy;
static struct truth truth[IDS];

static void create_busy(void)
{
    busy = small;
    busy.id = BUSY_ID;
    strcpy(busy.name, "busy");
    want_eq(manifest_add(&server.manifest, &busy), 0);
    manifest_log_reset(&server.log);
    want_eq(manifest_store("data", &server.manifest, NULL), 0);
    want_eq(store_create_collection(server.stores[0], &busy), 0);
}

static void tune(void)
{
    const struct store_tuning tuning = {.growing_bytes_max = 64 << 10};
    store_tune(server.stores[0], &tuning);
}

/* Writes to the busy collection; each write takes a block of the log. */
static void be_busy(unsigned writes)
{
    static struct truth other[IDS];
    for (unsigned i = 0; i < writes; i++) {
        upsert(&server, &busy, other, i % 100);
        if (i % 10 == 9)
            work(&server);
    }
}

static uint32_t files_of(uint64_t collection)
{
    uint32_t count = 0;
    for (size_t i = 0; i < server.manifest.segment_count; i++)
        count += server.manifest.segments[i].collection == collection;
    return count;
}

static void stays(void *arg)
{
    server_open(&server, 1);
    small = create(&server);
    create_busy();
    tune();
    for (uint32_t n = 0; n < 5; n++)
        upsert(&server, &small, truth, n);
    erase(&server, &small, truth, 3);
    upsert(&server, &small, truth, 1);
    be_busy(300);
    const uint64_t first = server.stores[0]->log_start;
    want(first > 0);
    want(files_of(small.id) == 0 && files_of(busy.id) > 0);
    /* newer than the records that were appended again, and older than the next that will be */
    upsert(&server, &small, truth, 2);
    be_busy(300);
    want(server.stores[0]->log_start > first);
    want_eq(files_of(small.id), 0);
    compare(&server, &small, truth);
    server_close(&server);
    for (unsigned reactors = 1; reactors <= 3; reactors++) {
        server_open(&server, reactors);
        compare(&server, &small, truth);
        server_close(&server);
    }
}

Test(log_again, a_small_segment_stays_in_the_log_and_does_not_hold_it)
{
    world_run_well(BACKEND_SIM, 1, stays, NULL);
}

/* A segment whose records were appended again often enough is sealed. */
static void is_sealed(void *arg)
{
    memset(truth, 0, sizeof(truth));
    server_open(&server, 1);
    small = create(&server);
    create_busy();
    tune();
    for (uint32_t n = 0; n < 50; n++)
        upsert(&server, &small, truth, n);
    be_busy(200);
    want(files_of(small.id) > 0);
    compare(&server, &small, truth);
    server_close(&server);
}

Test(log_again, a_segment_with_more_is_sealed)
{
    world_run_well(BACKEND_SIM, 1, is_sealed, NULL);
}

/* A step of background work looks only at what changed. */
static void idle(void *arg)
{
    memset(truth, 0, sizeof(truth));
    server_open(&server, 1);
    small = create(&server);
    create_busy();
    upsert(&server, &small, truth, 1);
    work(&server);
    want_eq(store_prepare(server.stores[0]), 0);
    want_eq(store_maintain(server.stores[0]), 0);
    (void)store_memory_needed(server.stores[0]);
    for (unsigned kind = 0; kind < DUE_KINDS; kind++)
        want_eq(server.stores[0]->due[kind].count, 0);
    const uint64_t needed = store_memory_needed(server.stores[0]);
    upsert(&server, &small, truth, 2);
    for (unsigned kind = 0; kind < DUE_KINDS; kind++)
        want(server.stores[0]->due[kind].count == 1 && server.stores[0]->due[kind].first->config.id == small.id);
    want(store_memory_needed(server.stores[0]) >= needed);
    want_eq(store_drop_collection(server.stores[0], small.id), 0);
    want(store_memory_needed(server.stores[0]) < needed);
    server_close(&server);
}

Test(log_again, an_idle_collection_is_not_looked_at)
{
    world_run_well(BACKEND_SIM, 1, idle, NULL);
}

/* -- dropped -- */

static void write_and_drop(unsigned writes)
{
    memset(truth, 0, sizeof(truth));
    small = create(&server);
    /* the store dropped it, but the manifest still has it */
    if (!store_shard(server.stores[0], small.id))
        want_eq(store_create_collection(server.stores[0], &small), 0);
    for (unsigned i = 0; i < writes; i++)
        upsert(&server, &small, truth, i % IDS);
    want_eq(store_drop_collection(server.stores[0], small.id), 0);
}

static void drop(void *arg)
{
    server_open(&server, 1);
    struct store *store = server.stores[0];
    store->options.log_file_bytes = 30 << 12;
    work(&server);
    const uint64_t first = store->log_start;
    write_and_drop(20);
    work(&server);
    want_eq(store->log_start, first); /* freeing less than a file is not worth a commit */
    store->read_only = -ENOSPC;
    store->log_may_go = true;
    work(&server);
    const uint64_t freed = store->log_start;
    /* a write takes a block */
    want(freed >= first + (20u << 12) && freed == log_durable(store->log));
    store->read_only = 0;
    write_and_drop(60);
    work(&server);
    want(store->log_start >= freed + (60u << 12));
    server_close(&server);
}

Test(log_again, what_a_dropped_collection_had_in_the_log_is_freed)
{
    world_run_well(BACKEND_SIM, 1, drop, NULL);
}
