/* Tests when the manifest calls a collection clean: never while the log holds something of it that
 * its segments lack. */
#include "stores.h"

#include <string.h>

static struct server server;
static struct truth truth[IDS];
static struct collection_config config;

static void begin(unsigned reactors)
{
    memset(truth, 0, sizeof(truth));
    server_open(&server, reactors);
    config = create(&server);
    want(manifest_is_clean(&server.manifest, config.id));
    server.commits = 0;
}

static void end(void)
{
    compare(&server, &config, truth);
    server_close(&server);
}

static bool is_clean(void)
{
    return manifest_is_clean(&server.manifest, config.id);
}

static void seal(void)
{
    for (unsigned r = 0; r < server.reactors; r++)
        shard_freeze(store_shard(server.stores[r], config.id));
    work(&server);
}

/* -- one reactor -- */

static void dirty_and_clean(void *arg)
{
    begin(1);
    upsert(&server, &config, truth, 1);
    want(!is_clean());
    upsert(&server, &config, truth, 2);
    want_eq(server.commits, 1); /* only the first write commits */
    seal();
    want(is_clean());
    want_eq(server.commits, 2); /* the commit of the segment says clean, too */
    erase(&server, &config, truth, 9);
    want(is_clean()); /* deleting a missing point writes nothing */
    erase(&server, &config, truth, 1);
    want(!is_clean()); /* the deletion is in the log only */
    seal();
    want(is_clean());
    end();
    want(server_open_looking(&server, 1, &config, truth));
    end();
}

Test(clean, ends_before_the_first_write_and_begins_with_the_last_seal)
{
    world_run_well(BACKEND_SIM, 1, dirty_and_clean, NULL);
}

static void more_than_one_segment(void *arg)
{
    begin(1);
    upsert(&server, &config, truth, 1);
    shard_freeze(store_shard(server.stores[0], config.id));
    upsert(&server, &config, truth, 2);
    want_eq(store_work(server.stores[0]), 1);
    want_eq(server.manifest.segment_count, 1);
    want(!is_clean());
    seal();
    want(is_clean());
    end();
}

Test(clean, waits_for_the_last_segment_that_is_not_sealed)
{
    world_run_well(BACKEND_SIM, 1, more_than_one_segment, NULL);
}

/* The counters stand for a write that waits for the log, and for a logged write that could not be
 * made visible. */
static void unfinished_writes(void *arg)
{
    begin(1);
    struct shard *s = store_shard(server.stores[0], config.id);
    upsert(&server, &config, truth, 1);
    s->writes++;
    seal();
    want(server.manifest.segment_count == 1 && !is_clean());
    s->writes--;
    s->unapplied = true;
    want_eq(store_work(server.stores[0]), 0);
    want(!is_clean());
    s->unapplied = false;
    shard_changed(s);
    work(&server); /* seals nothing */
    want(is_clean());
    want_eq(store_work(server.stores[0]), 0);
    end();
}

Test(clean, waits_for_writes_that_are_under_way)
{
    world_run_well(BACKEND_SIM, 1, unfinished_writes, NULL);
}

/* -- several writers -- */

static int written, refused;

static void write_one(void *arg)
{
    float vector[DIM] = {1};
    struct point_id id = id_of((uint32_t)(uintptr_t)arg);
    struct point_batch b = {.count = 1, .ids = &id, .vectors = vector};
    struct error e = {0};
    int rc = shard_upsert(owner(&server, &config, id), &b, &e);
    want(rc == 0 || rc == -EIO);
    written += rc == 0;
    refused += rc < 0;
}

static void write_four(void)
{
    written = refused = 0;
    for (uintptr_t n = 0; n < 4; n++)
        want_eq(fiber_start(CLASS_WRITE, write_one, (void *)n, "writer"), 0);
    while (written + refused < 4)
        fiber_sleep_ns(MILLIS(1));
}

static void many_writers(void *arg)
{
    begin(1);
    server.commit_fails = -EIO;
    write_four();
    want_eq(refused, 4);
    uint64_t commits = server.commits;
    server.commit_fails = 0;
    want(is_clean());
    write_four();
    want_eq(written, 4);
    want_eq(server.commits, commits + 1);
    want(!is_clean());
    server_close(&server);
}

Test(clean, writers_share_the_commit_and_are_refused_when_it_fails)
{
    world_run_well(BACKEND_SIM, 1, many_writers, NULL);
}

/* A failed commit of "clean" may be on the disk. So the next write must commit "dirty" first. */
static void failed_seal(void *arg)
{
    begin(1);
    upsert(&server, &config, truth, 1);
    struct shard *s = store_shard(server.stores[0], config.id);
    shard_freeze(s);
    server.commit_fails = -ENOMEM;
    want_eq(store_work(server.stores[0]), -ENOMEM);
    server.commit_fails = 0;
    server.commits = 0;
    upsert(&server, &config, truth, 2);
    want_eq(server.commits, 1);
    want(!is_clean());
    seal();
    want(is_clean());
    end();
}

Test(clean, a_commit_that_failed_is_not_relied_on)
{
    world_run_well(BACKEND_SIM, 1, failed_seal, NULL);
}

/* -- starts -- */

static void restarts(void *arg)
{
    begin(3);
    for (uint32_t n = 0; n < 30; n++)
        upsert(&server, &config, truth, n);
    seal();
    want(is_clean());
    end();
    want(server_open_looking(&server, 2, &config, truth)); /* reads all logs, and writes its own */
    want(is_clean());
    upsert(&server, &config, truth, 1);
    want(!is_clean());
    end();
    want(!server_open_looking(&server, 4, &config, truth));
    for (unsigned r = 0; r < 4; r++)
        want(!manifest_is_clean_on(&server.manifest, config.id, r));
    work(&server); /* cleans only the reactors without records of it */
    want(!is_clean());
    seal();
    want(is_clean());
    end();
    server_open(&server, 4);
    /* no write follows, as if the power was cut before it */
    want_eq(shard_make_dirty(store_shard(server.stores[2], config.id)), 0);
    server_close(&server);
    server_open(&server, 4);
    want(!is_clean());
    work(&server);
    want(is_clean());
    end();
}

Test(clean, outlives_starts_on_any_number_of_reactors)
{
    world_run_well(BACKEND_SIM, 1, restarts, NULL);
}

static void old_manifest(void *arg)
{
    begin(2);
    upsert(&server, &config, truth, 1);
    seal();
    manifest_clean_forget(&server.manifest, config.id); /* like a manifest that lacks this */
    want_eq(manifest_store("data", &server.manifest, NULL), 0);
    end();
    want(!server_open_looking(&server, 2, &config, truth));
    work(&server);
    want(is_clean());
    end();
}

Test(clean, is_not_known_of_an_older_manifest)
{
    world_run_well(BACKEND_SIM, 1, old_manifest, NULL);
}

/* -- a long random run -- */

static void live(void *arg)
{
    unsigned cleaned = 0;
    begin(1 + (unsigned)(random_u64() % STORES));
    for (int life = 0; life < 40; life++) {
        for (int step = 0; step < 30; step++) {
            uint32_t n = (uint32_t)(random_u64() % IDS);
            if (random_u64() % 3)
                upsert(&server, &config, truth, n);
            else
                erase(&server, &config, truth, n);
        }
        if (random_u64() % 2)
            seal();
        if (random_u64() % 2)
            for (unsigned r = 0; r < server.reactors; r++)
                while (store_maintain(server.stores[r]) > 0)
                    ;
        unsigned reactors = random_u64() % 2 ? server.reactors : 1 + (unsigned)(random_u64() % STORES);
        server_close(&server);
        cleaned += server_open_looking(&server, reactors, &config, truth);
    }
    want(cleaned > 10 && cleaned < 30);
    end();
}

Test(clean, what_rests_is_complete_before_the_logs_are_read)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, live, NULL), 0);
}
