/* Stores side by side, as the reactors of a server have them, against a model: a plain array of what was acknowledged. */
#include "../reactor/world.h"
#include "reactor/file.h"
#include "shards/shard.h"
#include "shards/whole_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM    8
#define IDS    400
#define STORES 4

struct server { /* what src/actors does with messages is done here with calls */
    unsigned reactors;
    struct file *lock;
    struct manifest manifest;
    struct store *stores[STORES];
    struct burial *early;
    uint32_t early_count;
};

struct truth {
    bool there;
    float vector[DIM];
    char payload[24];
};

static int hook_commit(const struct manifest_edit *edit, void *arg)
{
    struct server *s = arg;
    int rc = manifest_apply(&s->manifest, edit);
    return rc < 0 ? rc : manifest_store("data", &s->manifest, NULL);
}

static int hook_bury(unsigned reactor, const struct burial *burials, uint32_t n, void *arg)
{
    struct server *s = arg;
    if (s->stores[reactor])
        return store_bury(s->stores[reactor], burials, n);
    s->early = realloc(s->early, (s->early_count + n) * sizeof(*burials));
    memcpy(s->early + s->early_count, burials, n * sizeof(*burials));
    s->early_count += n;
    return 0;
}

static void server_open(struct server *s, unsigned reactors)
{
    struct error e = {0};
    *s = (struct server){.reactors = reactors};
    want_eq(folder_open("data", &s->lock, &s->manifest, &e), 0);
    want_eq(folder_prepare("data", &s->manifest, reactors, &e), 0);
    want_eq(folder_drop_caches("data", &e), 0); /* nothing is lost by it */
    for (unsigned r = 0; r < reactors; r++) {
        struct store_options o = {.dir = "data",
                                  .reactor = r,
                                  .reactors = reactors,
                                  .growing_bytes_max = 60 * DIM * 4,
                                  .hooks = {.commit = hook_commit, .bury = hook_bury, .arg = s}};
        if (store_open(&o, &s->manifest, &s->stores[r], &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    }
    for (unsigned r = 0; r < reactors; r++) /* too many is harmless: each looks for its own */
        want_eq(store_bury(s->stores[r], s->early, s->early_count), 0);
    free(s->early);
    want_eq(folder_settle("data", &s->manifest, reactors, &e), 0);
}

static void server_close(struct server *s)
{
    for (unsigned r = 0; r < s->reactors; r++)
        store_close(s->stores[r]);
    file_close(s->lock);
    manifest_fini(&s->manifest);
}

static struct shard *home(struct server *s, const struct collection_config *c, struct point_id id)
{
    return store_shard(s->stores[slot_home(collection_slot(c, point_id_hash(id)), s->reactors)], c->id);
}

static struct point_id id_of(uint32_t n)
{
    return n % 2 ? (struct point_id){0, n} : (struct point_id){n + 1, ~(uint64_t)n};
}

/* -- against the model -- */

static void upsert(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n)
{
    for (int i = 0; i < DIM; i++)
        truth[n].vector[i] = (float)(random_u64() % 2000) / 1000 - 1;
    snprintf(truth[n].payload, sizeof(truth[n].payload), "{\"n\":%u}", (unsigned)(random_u64() % 1000));
    struct point_id id = id_of(n);
    const void *payload = truth[n].payload;
    uint32_t size = (uint32_t)strlen(truth[n].payload);
    struct point_batch b = {1, &id, truth[n].vector, &payload, &size};
    struct error e = {0};
    want_eq(shard_upsert(home(s, c, id), &b, &e), 0);
    truth[n].there = true;
}

static void erase(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n)
{
    struct point_id id = id_of(n);
    struct error e = {0};
    uint32_t deleted;
    want_eq(shard_delete(home(s, c, id), &id, 1, &deleted, &e), 0);
    want_eq(deleted, truth[n].there);
    truth[n].there = false;
}

static float distance(const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < DIM; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* The nearest of the model and of all stores together, exactly and by the graphs. */
static void compare_search(struct server *s, const struct collection_config *c, const struct truth *truth, bool exact)
{
    float query[DIM], best = INFINITY, found = INFINITY;
    for (int i = 0; i < DIM; i++)
        query[i] = (float)(random_u64() % 2000) / 1000 - 1;
    for (uint32_t n = 0; n < IDS; n++)
        if (truth[n].there)
            best = fminf(best, distance(query, truth[n].vector));
    for (unsigned r = 0; r < s->reactors; r++) {
        struct point_hit hits[3];
        struct shard_query q = {.vector = query, .k = 3, .exact = exact};
        int n = shard_search(store_shard(s->stores[r], c->id), &q, hits);
        want(n >= 0);
        if (n > 0)
            found = fminf(found, hits[0].distance);
    }
    want(best == found || fabsf(best - found) < 1e-4f);
}

static void compare(struct server *s, const struct collection_config *c, const struct truth *truth)
{
    uint64_t points = 0, expected = 0;
    for (uint32_t n = 0; n < IDS; n++) {
        struct point_view v;
        shard_get(home(s, c, id_of(n)), id_of(n), &v);
        want_eq(v.found, truth[n].there);
        if (!v.found)
            continue;
        expected++;
        want_eq(memcmp(v.vector, truth[n].vector, sizeof(truth[n].vector)), 0);
        want(v.payload_size == strlen(truth[n].payload) && memcmp(v.payload, truth[n].payload, v.payload_size) == 0);
    }
    for (unsigned r = 0; r < s->reactors; r++) {
        struct shard_info info;
        shard_info_read(store_shard(s->stores[r], c->id), &info);
        points += info.points;
    }
    want_eq(points, expected);
    for (int i = 0; i < 10; i++)
        compare_search(s, c, truth, i % 2);
}

static struct collection_config create(struct server *s)
{
    struct collection_config c = {.id = 1, .dim = DIM, .metric = METRIC_L2};
    strcpy(c.name, "test");
    want_eq(collection_config_check(&c, NULL), 0);
    if (s->manifest.collection_count == 0) {
        s->manifest.collections = realloc(s->manifest.collections, sizeof(c));
        s->manifest.collections[s->manifest.collection_count++] = c;
        want_eq(manifest_store("data", &s->manifest, NULL), 0);
        for (unsigned r = 0; r < s->reactors; r++)
            want_eq(store_create_collection(s->stores[r], &c), 0);
    }
    return c;
}

static void work(struct server *s)
{
    for (unsigned r = 0; r < s->reactors; r++) {
        int rc;
        while ((rc = store_work(s->stores[r])) > 0)
            ;
        want_eq(rc, 0);
    }
}

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
    cosine.metric = METRIC_COSINE;
    want_eq(store_create_collection(s.stores[0], &cosine), 0);
    struct point_id ids[2] = {{0, 1}, {0, 2}};
    float vectors[2 * DIM] = {1};
    struct point_batch b = {.count = 2, .ids = ids, .vectors = vectors};
    want_eq(shard_upsert(store_shard(s.stores[0], 2), &b, &e), -EINVAL);
    want(strstr(e.text, "point 2 (row 1)") && strstr(e.text, "zero"));
    vectors[DIM + 3] = NAN;
    want_eq(shard_upsert(store_shard(s.stores[0], 1), &b, &e), -EINVAL);
    want(strstr(e.text, "point 2 (row 1): component 3"));
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
    struct store_options o = {
        .dir = "data", .reactors = 1, .hooks = {.commit = hook_commit, .bury = hook_bury, .arg = &s}};
    want_eq(store_open(&o, &s.manifest, &s.stores[0], &e), 0); /* the other collections can be served */
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct error *damage = shard_damage(shard);
    want(damage && damage->code == ERROR_CORRUPT && strstr(damage->text, path) && strstr(damage->text, "offset"));
    struct point_hit hit;
    struct shard_query q = {.vector = truth[0].vector, .k = 1};
    want_eq(shard_search(shard, &q, &hit), -EBADMSG);
    struct point_id id = id_of(0);
    struct point_batch b = {1, &id, truth[0].vector, NULL, NULL};
    want_eq(shard_upsert(shard, &b, &e), -EBADMSG);
    want_eq(strcmp(e.text, damage->text), 0);
    server_close(&s);
}

Test(folder, a_damaged_segment_is_named_with_its_offset)
{
    world_run_well(BACKEND_SIM, 1, damaged, NULL);
}
