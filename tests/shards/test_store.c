/* Compares stores with a model over restarts and seals, and tests refusals and damage. */
#include "../columns/one_vector.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/log/record.h"
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
    want(s.manifest.segment_count > 10); /* not all points were in the log only */
    server_close(&s);
}

Test(store, agrees_with_a_model_through_seals_and_restarts_on_any_number_of_reactors)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, random_life, NULL), 0);
}

/* -- the progress of a start -- */

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

/* -- records that this version does not write -- */

/* Appends a record to the log of reactor 0, as another version or a fault would. */
static void add_record(struct server *s, const struct record_part *parts, uint32_t count)
{
    static uint64_t version = 1000;
    const struct record r = {.type = RECORD_UPSERT,
                             .collection = 1,
                             .version = version++,
                             .id = id_of(7),
                             .expiry_ns = 12345,
                             .parts = parts,
                             .part_count = count};
    struct record_room room = {0};
    struct record_list l;
    record_room_add(&room, &r);
    want_eq(record_list_init(&l, &room), 0);
    record_list_add(&l, &r);
    want_eq(log_append(s->stores[0]->log, l.slices, l.count, DURABILITY_FLUSH), 0);
    record_list_fini(&l, NULL);
}

/* Starts with that record behind a good one. Returns what the start does. */
static int start_with(const struct record_part *parts, uint32_t count, struct error *e)
{
    static struct truth truth[IDS];
    struct server s;
    server_open(&s, 1);
    struct collection_config c = create(&s);
    upsert(&s, &c, truth, 1);
    const uint64_t before = log_durable(s.stores[0]->log);
    add_record(&s, parts, count);
    server_close(&s);
    server_open_segments(&s, 1);
    int rc = store_replay(s.stores[0], &s.manifest, e);
    if (rc < 0) { /* removes the record, so that the next start succeeds */
        s.manifest.log_end = malloc(sizeof(uint64_t));
        *s.manifest.log_end = before;
        want_eq(manifest_store("data", &s.manifest, NULL), 0);
    }
    server_close(&s);
    return rc;
}

static void odd_records(void *arg)
{
    static const float vector[2 * DIM] = {1, 2, 3};
    const uint32_t size = DIM * sizeof(float);
    struct error e = {0};
    struct server s;
    struct point_view v;
    want_eq(start_with((struct record_part[]){{RECORD_VECTOR, 0, size, vector}, {77, 0, 3, "abc"}}, 2, &e),
            -EPROTONOSUPPORT);
    want(e.code == ERROR_VERSION && strstr(e.text, "part of kind 77") &&
         strstr(e.text, "which this Kith does not know"));
    want_eq(start_with((struct record_part[]){{RECORD_VECTOR, 0, 2 * size, vector}}, 1, &e), -EBADMSG);
    want(strstr(e.text, "64 bytes") && strstr(e.text, "have 32"));
    want_eq(start_with((struct record_part[]){{RECORD_VECTOR, 1, size, vector}}, 1, &e), -EBADMSG);
    want(strstr(e.text, "without a vector"));
    want_eq(
        start_with((struct record_part[]){{RECORD_VECTOR, 0, size, vector}, {RECORD_VECTOR, 0, size, vector}}, 2, &e),
        -EBADMSG);
    want(strstr(e.text, "cannot be read"));
    const struct record_part several[] = {{RECORD_VECTOR, 0, size, vector + 1},
                                          {RECORD_VECTOR, 3, 4, vector},
                                          {RECORD_PAYLOAD, 0, 5, "hello"},
                                          {RECORD_VECTOR_REMOVED, 4, 0, NULL}};
    want_eq(start_with(several, 4, &e), 0);
    /* the second start writes it into a new log */
    for (unsigned reactors = 1; reactors <= 2; reactors++) {
        server_open(&s, reactors);
        struct collection_config c = create(&s);
        shard_get(owner(&s, &c, id_of(7)), id_of(7), &v);
        want(v.found && memcmp(v.vector, vector + 1, size) == 0);
        want(v.payload_size == 5 && memcmp(v.payload, "hello", 5) == 0);
        server_close(&s);
    }
}

Test(store, a_record_of_another_version_is_refused_and_one_with_several_vectors_is_read)
{
    world_run_well(BACKEND_SIM, 1, odd_records, NULL);
}

/* -- long points: the log borrows them and does not copy -- */

#define LONG_DIM   700
#define LONG_ROWS  40
#define LONG_BYTES 5000

static void long_points(void *arg)
{
    static float vectors[LONG_ROWS * LONG_DIM];
    static uint8_t bytes[LONG_ROWS * LONG_BYTES];
    static const void *payloads[LONG_ROWS];
    static uint32_t sizes[LONG_ROWS], order[LONG_ROWS];
    static struct point_id ids[LONG_ROWS];
    const enum metric metric = (enum metric)(uintptr_t)arg;
    struct server s;
    server_open(&s, 1);
    struct collection_config c = {.id = 1,
                                  .name = "long",
                                  .slots = SLOTS_DEFAULT,
                                  .schema = one_vector(LONG_DIM, metric),
                                  .durability = metric == METRIC_IP ? DURABILITY_NONE : DURABILITY_FLUSH};
    create_as(&s, &c);
    for (uint32_t i = 0; i < LONG_ROWS * LONG_DIM; i++)
        vectors[i] = (float)(random_u64() % 1000) - 300;
    for (uint32_t i = 0; i < LONG_ROWS * LONG_BYTES; i++)
        bytes[i] = (uint8_t)random_u64();
    for (uint32_t i = 0; i < LONG_ROWS; i++) {
        ids[i] = id_of(i);
        payloads[i] = bytes + i * LONG_BYTES;
        sizes[i] = (uint32_t)(random_u64() % LONG_BYTES);
        order[i] = LONG_ROWS - 1 - i;
    }
    const struct point_batch b = {.count = LONG_ROWS,
                                  .ids = ids,
                                  .vectors = vectors,
                                  .payloads = payloads,
                                  .payload_sizes = sizes,
                                  .order = order};
    struct error e = {0};
    want_eq(shard_upsert(store_shard(s.stores[0], c.id), &b, &e), 0);
    for (int start = 0; start < 2; start++) {
        for (uint32_t i = 0; i < LONG_ROWS; i++) {
            float want_vector[LONG_DIM];
            struct point_view v;
            memcpy(want_vector, vectors + i * LONG_DIM, sizeof(want_vector));
            if (metric == METRIC_COSINE)
                want(vectors_normalise(want_vector, LONG_DIM));
            shard_get(store_shard(s.stores[0], c.id), ids[i], &v);
            want(v.found && memcmp(v.vector, want_vector, sizeof(want_vector)) == 0);
            want(v.payload_size == sizes[i] && memcmp(v.payload, payloads[i], sizes[i]) == 0);
        }
        server_close(&s);
        server_open(&s, 1);
    }
    server_close(&s);
}

Test(store, long_points_come_back_from_memory_and_from_the_log)
{
    for (uintptr_t metric = METRIC_L2; metric <= METRIC_COSINE; metric++)
        world_run_well(BACKEND_SIM, 1, long_points, (void *)metric);
}

/* -- a folder that comes from a snapshot -- */

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

/* -- limits -- */

static void longest_payload(void *arg)
{
    struct server s;
    struct error e = {0};
    server_open(&s, 1);
    const struct collection_config c = create(&s);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct point_id id = {0, 1};
    static const float vector[DIM];
    const void *payload = calloc(POINT_PAYLOAD_MAX, 1);
    uint32_t size = POINT_PAYLOAD_MAX;
    struct point_batch b = {.count = 1, .ids = &id, .vectors = vector, .payloads = &payload, .payload_sizes = &size};
    struct point_view v;
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
    server_open(&s, 1); /* the log still has records of the dropped collection; they are ignored */
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
    /* other collections can be served all the same */
    want_eq(store_open(&o, &s.manifest, &s.stores[0], &e), 0);
    want_eq(store_replay(s.stores[0], &s.manifest, &e), 0);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct error *damage = shard_damage(shard);
    want(damage && damage->code == ERROR_CORRUPT && strstr(damage->text, path) && strstr(damage->text, "offset"));
    struct point_hit hit;
    struct shard_query q = {.vector = truth[0].vector, .k = 1};
    want_eq(shard_search(shard, &q, &hit), -EBADMSG);
    struct point_id id = id_of(0);
    struct point_batch b = {.count = 1, .ids = &id, .vectors = truth[0].vector};
    want_eq(shard_upsert(shard, &b, &e), -EBADMSG);
    want_eq(strcmp(e.text, damage->text), 0);
    server_close(&s);
}

Test(folder, a_damaged_segment_is_named_with_its_offset)
{
    world_run_well(BACKEND_SIM, 1, damaged, NULL);
}
