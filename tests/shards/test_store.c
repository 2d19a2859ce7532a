/* Stores against a model: restarts, seals, what is refused, what is damaged. */
#include "../columns/one_vector.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "stores.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void random_life(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    memset(truth, 0, sizeof(truth));
    for (int life = 0; life < 6; life++) {
        server_open(&s, 1 + (unsigned)(random_u64() % STORES));
        struct collection_config c = create(&s);
        compare(&s, &c, truth);
        for (int step = 0; step < 300; step++) {
            uint32_t n = (uint32_t)(random_u64() % IDS);
            if (random_u64() % 4)
                upsert(&s, &c, truth, n);
            else
                erase(&s, &c, truth, n);
            if (step % 40 == 39)
                work(&s);
        }
        compare(&s, &c, truth);
        server_close(&s);
    }
    server_open(&s, 2);
    want(s.manifest.segment_count > 10); /* it was not all in the log */
    server_close(&s);
}

Test(store, agrees_with_a_model_through_seals_and_restarts_on_any_number_of_reactors)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, random_life, NULL), 0);
}

/* -- how far a start is -- */

static void replay_and_count(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    struct collection_config c = create(&s);
    for (uint32_t n = 0; n < 50; n++)
        upsert(&s, &c, truth, n);
    uint64_t bytes = log_durable(s.stores[0]->log);
    server_close(&s);
    struct error e = {0};
    struct replay_progress progress = {0};
    struct store_options o = {.dir = "data", .reactors = 1, .progress = &progress};
    want_eq(folder_open("data", &s.lock, &s.manifest, &e), 0);
    want_eq(store_open(&o, &s.manifest, &s.stores[0], &e), 0);
    want(!store_is_replayed(s.stores[0]) && progress.records == 0);
    want_eq(store_replay(s.stores[0], &s.manifest, &e), 0);
    want(progress.start_ns > 0);
    want(progress.records == 50 && progress.bytes_done > 0 && progress.bytes_done <= bytes);
    want_eq(progress.bytes, progress.bytes_done);
    server_close(&s);
}

Test(store, a_replay_says_how_far_it_is)
{
    world_run_well(BACKEND_SIM, 1, replay_and_count, NULL);
}

/* -- a folder as a snapshot brings it -- */

static void end_the_log(void *arg)
{
    static struct truth then[IDS], now[IDS];
    struct server s;
    server_open(&s, 2);
    struct collection_config c = create(&s);
    for (uint32_t n = 0; n < 50; n++)
        upsert(&s, &c, now, n);
    memcpy(then, now, sizeof(then));
    uint64_t ends[2];
    for (unsigned r = 0; r < 2; r++)
        ends[r] = log_durable(s.stores[r]->log);
    for (uint32_t n = 25; n < 90; n++)
        upsert(&s, &c, now, n);
    s.manifest.log_end = malloc(sizeof(ends));
    memcpy(s.manifest.log_end, ends, sizeof(ends));
    want_eq(manifest_store("data", &s.manifest, NULL), 0);
    server_close(&s);
    for (unsigned reactors = 2; reactors <= 3; reactors++) {
        server_open(&s, reactors);
        compare(&s, &c, then);
        want(s.manifest.log_end == NULL);
        upsert(&s, &c, then, 95);
        server_close(&s);
    }
    server_open(&s, 3);
    compare(&s, &c, then);
    server_close(&s);
}

Test(store, a_log_with_a_known_end_is_replayed_to_there_and_goes_on)
{
    world_run_well(BACKEND_SIM, 1, end_the_log, NULL);
}

/* -- bad input -- */

static void refuse(void *arg)
{
    struct server s;
    struct error e = {0};
    server_open(&s, 1);
    struct collection_config c = create(&s), cosine = c;
    cosine.id = 2;
    cosine.schema = one_vector(DIM, METRIC_COSINE);
    want_eq(store_create_collection(s.stores[0], &cosine), 0);
    struct point_id ids[2] = {{0, 1}, {0, 2}};
    float vectors[2 * DIM] = {1};
    struct point_batch b = {.count = 2, .ids = ids, .vectors = vectors};
    want_eq(shard_upsert(store_shard(s.stores[0], 2), &b, &e), -EINVAL);
    want(strstr(e.text, "point 2: ") && strstr(e.text, "zero"));
    vectors[DIM + 3] = NAN;
    want_eq(shard_upsert(store_shard(s.stores[0], 1), &b, &e), -EINVAL);
    want(strstr(e.text, "point 2: component 3"));
    vectors[DIM + 3] = 0;
    vectors[2 * DIM - 1] = INFINITY;
    want_eq(shard_upsert(store_shard(s.stores[0], 1), &b, &e), -EINVAL);
    want(strstr(e.text, "point 2: "));
    struct point_view v;
    shard_get(store_shard(s.stores[0], 1), ids[0], &v);
    want(!v.found); /* nothing of a refused batch is there */
    float zero[DIM] = {0};
    struct point_hit hits[1];
    struct shard_query q = {.vector = zero, .k = 1};
    want_eq(shard_search(store_shard(s.stores[0], 2), &q, hits), 0); /* no points, and no crash either */
    server_close(&s);
}

Test(store, a_bad_row_refuses_its_batch_and_is_named)
{
    world_run_well(BACKEND_SIM, 1, refuse, NULL);
}

static void longest_payload(void *arg)
{
    struct server s;
    struct error e = {0};
    server_open(&s, 1);
    const struct collection_config c = create(&s);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct point_id id = {0, 1};
    static const float vector[DIM];
    const void *payload = calloc(POINT_PAYLOAD_MAX + 1, 1);
    uint32_t size = POINT_PAYLOAD_MAX + 1;
    struct point_batch b = {.count = 1, .ids = &id, .vectors = vector, .payloads = &payload, .payload_sizes = &size};
    struct point_view v;
    want_eq(shard_upsert(shard, &b, &e), -EINVAL);
    want(strstr(e.text, "point 1: the payload has 16777217 bytes; at most 16777216"));
    size = POINT_PAYLOAD_MAX;
    want_eq(shard_upsert(shard, &b, &e), 0);
    shard_get(shard, id, &v);
    want(v.found && v.payload_size == POINT_PAYLOAD_MAX);
    server_close(&s);
    free((void *)(uintptr_t)payload);
}

Test(store, a_payload_may_be_as_long_as_the_limit)
{
    world_run_well(BACKEND_SIM, 1, longest_payload, NULL);
}

static void drop(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    server_open(&s, 1);
    struct collection_config c = create(&s);
    for (uint32_t n = 0; n < 200; n++) {
        upsert(&s, &c, truth, n);
        if (n % 50 == 49)
            work(&s);
    }
    want(s.manifest.segment_count > 0);
    s.manifest.collection_count = s.manifest.segment_count = 0;
    want_eq(manifest_store("data", &s.manifest, NULL), 0);
    want_eq(store_drop_collection(s.stores[0], c.id), 0);
    want(store_shard(s.stores[0], c.id) == NULL);
    want_eq(store_drop_collection(s.stores[0], c.id), -ENOENT);
    server_close(&s);
    server_open(&s, 1); /* the log still speaks of it; nobody minds */
    want_eq(s.manifest.collection_count, 0);
    server_close(&s);
}

Test(store, a_dropped_collection_is_gone_with_its_files)
{
    world_run_well(BACKEND_SIM, 1, drop, NULL);
}

/* -- the folder -- */

static void in_use(void *arg)
{
    struct server s;
    struct file *lock;
    struct manifest m;
    struct error e = {0};
    server_open(&s, 1);
    want_eq(folder_open("data", &lock, &m, &e), -ESHUTDOWN);
    want(strstr(e.text, "in use by another kithd") && lock == NULL);
    server_close(&s);
}

Test(folder, one_that_is_in_use_is_refused)
{
    world_run_well(BACKEND_SIM, 1, in_use, NULL);
}

static void damaged(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct error e = {0};
    struct mapping mapping;
    server_open(&s, 1);
    struct collection_config c = create(&s);
    for (uint32_t n = 0; n < 100; n++)
        upsert(&s, &c, truth, n);
    work(&s);
    want(s.manifest.segment_count > 0);
    char path[PATH_TEXT_MAX];
    want_eq(path_join(path, "data", "segments/%016llx.seg", (unsigned long long)s.manifest.segments[0].id), 0);
    server_close(&s);
    want_eq(mapping_open(path, &mapping), 0);
    uint8_t byte = mapping.bytes[4200] ^ 1;
    mapping_close(&mapping);
    struct file *f;
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want_eq(file_write(f, &byte, 1, 4200), 0);
    file_close(f);
    s = (struct server){.reactors = 1};
    want_eq(folder_open("data", &s.lock, &s.manifest, &e), 0);
    struct store_options o = {.dir = "data", .reactors = 1, .hooks = hooks_of(&s, 0)};
    want_eq(store_open(&o, &s.manifest, &s.stores[0], &e), 0); /* the other collections can be served */
    want_eq(store_replay(s.stores[0], &s.manifest, &e), 0);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct error *damage = shard_damage(shard);
    want(damage && damage->code == ERROR_CORRUPT && strstr(damage->text, path) && strstr(damage->text, "offset"));
    struct point_hit hit;
    struct shard_query q = {.vector = truth[0].vector, .k = 1};
    want_eq(shard_search(shard, &q, &hit), -EBADMSG);
    struct point_id id = id_of(0);
    struct point_batch b = {1, &id, truth[0].vector, NULL, NULL, NULL};
    want_eq(shard_upsert(shard, &b, &e), -EBADMSG);
    want_eq(strcmp(e.text, damage->text), 0);
    server_close(&s);
}

Test(folder, a_damaged_segment_is_named_with_its_offset)
{
    world_run_well(BACKEND_SIM, 1, damaged, NULL);
}
