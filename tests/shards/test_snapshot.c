/* Tests snapshots of two stores, as a server with two reactors has them: what a snapshot holds,
 * what a restore brings back, and what a power cut during either leaves. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "reactor/file.h"
#include "shards/shard.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(snapshot, .timeout = 60);

#define DIM    4
#define IDS    200
#define STORES 3

struct server { /* where src/actors sends messages, these functions call each other */
    unsigned reactors;
    struct file *lock;
    struct manifest manifest;
    struct store *stores[STORES];
    struct asking {
        struct server *server;
        unsigned reactor;
    } askers[STORES];
};

static int hook_commit(const struct manifest_edit *edit, void *arg)
{
    struct server *s = ((struct asking *)arg)->server;
    int rc = manifest_apply(&s->manifest, edit);
    return rc < 0 ? rc : manifest_store("data", &s->manifest, NULL);
}

static int hook_call(unsigned reactor, enum store_call kind, store_call_fn fn, void *call, void *arg)
{
    const struct asking *asking = arg;
    const struct server *s = asking->server;
    int rc = 0;
    for (unsigned i = 0; i < s->reactors && rc == 0; i++)
        if (reactor == STORE_ALL_OTHERS ? i != asking->reactor : i == reactor)
            rc = fn(s->stores[i], call);
    return rc;
}

static void server_open(struct server *s, unsigned reactors)
{
    struct error e = {0};
    *s = (struct server){.reactors = reactors};
    if (folder_open("data", &s->lock, &s->manifest, &e) < 0)
        world_fail(__FILE__, __LINE__, e.text);
    want_eq(folder_prepare("data", &s->manifest, reactors, &e), 0);
    for (unsigned r = 0; r < reactors; r++) {
        struct store_options o = {.dir = "data",
                                  .reactor = r,
                                  .reactors = reactors,
                                  .growing_bytes_max = 40 * DIM * 4,
                                  .hooks = {.commit = hook_commit, .call = hook_call, .arg = &s->askers[r]}};
        s->askers[r] = (struct asking){s, r};
        if (store_open(&o, &s->manifest, &s->stores[r], &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    }
    for (unsigned r = 0; r < reactors; r++)
        want_eq(store_share(s->stores[r]), 0);
    for (unsigned r = 0; r < reactors; r++)
        want_eq(store_map(s->stores[r]), 0);
    for (unsigned r = 0; r < reactors; r++)
        if (store_replay(s->stores[r], &s->manifest, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    want_eq(folder_complete("data", &s->manifest, reactors, &e), 0);
}

static void server_close(struct server *s)
{
    for (unsigned r = 0; r < s->reactors; r++)
        store_close(s->stores[r]);
    file_close(s->lock);
    manifest_fini(&s->manifest);
}

static struct collection_config config(void)
{
    struct collection_config c = {.id = 1, .schema = one_vector(DIM, METRIC_L2)};
    strcpy(c.name, "test");
    want_eq(collection_config_check(&c, NULL), 0);
    return c;
}

static void create(struct server *s)
{
    struct collection_config c = config();
    want_eq(manifest_add(&s->manifest, &c), 0);
    want_eq(manifest_store("data", &s->manifest, NULL), 0);
    for (unsigned r = 0; r < s->reactors; r++)
        want_eq(store_create_collection(s->stores[r], &c), 0);
}

static struct shard *owner(struct server *s, struct point_id id)
{
    struct collection_config c = config();
    return store_shard(s->stores[slot_owner(collection_slot(&c, point_id_hash(id)), s->reactors)], c.id);
}

/* Writes point n. Every component of its vector is the value. The model holds the values; 0: the
 * point does not exist. */
static void put(struct server *s, uint32_t *model, uint32_t n, uint32_t value)
{
    struct point_id id = {0, n};
    struct error e = {0};
    uint32_t deleted;
    if (value) {
        float v[DIM] = {(float)value, (float)value, (float)value, (float)value};
        struct point_batch b = {.count = 1, .ids = &id, .vectors = v};
        want_eq(shard_upsert(owner(s, id), &b, &e), 0);
    } else {
        want_eq(shard_delete(owner(s, id), &id, 1, &deleted, &e), 0);
    }
    model[n] = value;
}

static void compare(struct server *s, const uint32_t *model)
{
    for (uint32_t n = 0; n < IDS; n++) {
        struct point_id id = {0, n};
        struct point_view v;
        shard_get(owner(s, id), id, &v);
        want_eq(v.found, model[n] != 0);
        if (v.found)
            want_eq(v.vector[DIM - 1], (float)model[n]);
    }
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

static int snapshot(struct server *s, const char *name, struct error *e)
{
    struct snapshot_info info;
    struct manifest m;
    want_eq(manifest_copy(&s->manifest, &m), 0);
    m.log_end = calloc(s->reactors, sizeof(*m.log_end));
    for (unsigned r = 0; r < s->reactors; r++)
        want_eq(store_snapshot_begin(s->stores[r], m.log_start[r], &m.log_end[r]), 0);
    int rc = snapshot_create("data", name, &m, NULL, &info, e);
    for (unsigned r = 0; r < m.reactors; r++)
        store_snapshot_end(s->stores[r]);
    if (rc == 0)
        want(strcmp(info.name, name) == 0 && info.segments == m.segment_count && info.bytes > 0);
    manifest_fini(&m);
    return rc;
}

static void fill(struct server *s, uint32_t *model, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        put(s, model, (uint32_t)(random_u64() % IDS), (uint32_t)(random_u64() % 4 ? 1 + random_u64() % 1000 : 0));
        if (i % 100 == 99)
            work(s);
    }
}

/* -- what a snapshot holds -- */

static void take_and_restore(void *arg)
{
    static uint32_t now[IDS], then[IDS];
    struct server s;
    struct error e = {0};
    memset(now, 0, sizeof(now));
    server_open(&s, 2);
    create(&s);
    fill(&s, now, 400);
    want(s.manifest.segment_count > 2); /* some points are in segments, the others in the logs */
    want_eq(snapshot(&s, "one", &e), 0);
    memcpy(then, now, sizeof(now));
    fill(&s, now, 300);
    want_eq(snapshot(&s, "one", &e), -EEXIST);
    want(strstr(e.text, "'one'"));
    server_close(&s);
    server_open(&s, 2); /* making a snapshot does not change the stores */
    compare(&s, now);
    server_close(&s);
    for (unsigned reactors = 2; reactors <= 3; reactors++) {
        want_eq(folder_restore("data", "one", &e), 0);
        server_open(&s, reactors);
        compare(&s, then);
        memcpy(now, then, sizeof(now));
        fill(&s, now, 300); /* new points, in files of the same names */
        compare(&s, now);
        server_close(&s);
        server_open(&s, 5 - reactors);
        compare(&s, now);
        server_close(&s);
    }
    want_eq(folder_restore("data", "one", &e), 0); /* brings back the state of the snapshot */
    server_open(&s, 1);
    compare(&s, then);
    server_close(&s);
}

Test(snapshot, brings_back_what_was_there_on_any_number_of_reactors)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, take_and_restore, NULL), 0);
}

static void list_and_delete(void *arg)
{
    static uint32_t model[IDS];
    struct server s;
    struct error e = {0};
    struct snapshot_info *all;
    struct snapshot_verify v = {0};
    size_t n;
    server_open(&s, 1);
    create(&s);
    fill(&s, model, 150);
    want_eq(snapshots_list("data", &all, &n, &e), 0);
    want_eq(n, 0);
    want_eq(snapshot_delete("data", "b", &e), -ENOENT);
    want(strstr(e.text, "none yet"));
    want_eq(snapshot(&s, "b", &e), 0);
    want_eq(snapshot(&s, "a.1_x-Y", &e), 0);
    want_eq(snapshots_list("data", &all, &n, &e), 0);
    want_eq(n, 2);
    want(strcmp(all[0].name, "a.1_x-Y") == 0 && strcmp(all[1].name, "b") == 0 && !all[0].damaged);
    want(all[0].collections == 1 && all[0].segments == s.manifest.segment_count && all[0].created_ns > 0);
    free(all);
    want_eq(snapshot_verify_step("data", "c", 0, NULL, &v, &e), -ENOENT);
    want(strstr(e.text, "there are: a.1_x-Y, b"));
    want_eq(snapshot_delete("data", "b", &e), 0);
    want_eq(snapshots_list("data", &all, &n, &e), 0);
    want_eq(n, 1);
    free(all);
    const char *const wrong[] = {"",
                                 ".x",
                                 "a/b",
                                 "..",
                                 "a b",
                                 "caf\xc3\xa9",
                                 "01234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        want_eq(snapshot(&s, wrong[i], &e), -EINVAL);
        want_eq(snapshot_delete("data", wrong[i], &e), -EINVAL);
    }
    want(strstr(e.text, "has 65 characters; at most 64 are allowed"));
    server_close(&s);
}

Test(snapshot, are_listed_and_removed_by_name)
{
    world_run_well(BACKEND_SIM, 1, list_and_delete, NULL);
}

/* -- damage -- */

static void flip(const char *path, uint64_t offset)
{
    struct file *f;
    uint8_t byte;
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want_eq(file_read(f, &byte, 1, offset), 1);
    byte ^= 0x10;
    want_eq(file_write(f, &byte, 1, offset), 0);
    file_close(f);
}

struct first {
    char name[64];
};

/* Keeps the first name in a directory. */
static int take_first(const char *name, void *arg)
{
    struct first *f = arg;
    snprintf(f->name, sizeof(f->name), "%s", name);
    return 1;
}

static void want_refused(const char *path, uint64_t offset)
{
    struct error e = {0};
    struct snapshot_verify v = {0};
    flip(path, offset);
    want_eq(snapshot_verify_step("data", "one", 0, NULL, &v, &e), -EBADMSG);
    want(strstr(e.text, path) && strstr(e.text, "offset"));
    want_eq(folder_restore("data", "one", &e), -EBADMSG);
    want(strstr(e.text, path));
    flip(path, offset);
    v = (struct snapshot_verify){0};
    want_eq(snapshot_verify_step("data", "one", 0, NULL, &v, &e), 0);
    want(v.finished && v.files_done == v.files && v.bytes_done > 0);
}

static void damage(void *arg)
{
    static uint32_t model[IDS];
    struct server s;
    struct error e = {0};
    server_open(&s, 1);
    create(&s);
    fill(&s, model, 250);
    want_eq(snapshot(&s, "one", &e), 0);
    server_close(&s);
    struct first first;
    struct manifest m;
    char path[200];
    uint64_t start;
    want_eq(directory_list("data/snapshots/one/segments", take_first, &first), 1);
    snprintf(path, sizeof(path), "data/snapshots/one/segments/%s", first.name);
    want_refused(path, 70); /* in the first region */
    want_eq(manifest_load("data/snapshots/one", &m, NULL, &e), 0);
    want_eq(directory_list("data/snapshots/one/log/1", take_first, &first), 1);
    want_eq(sscanf(first.name, "0-%16" SCNx64 ".log", &start), 1);
    snprintf(path, sizeof(path), "data/snapshots/one/log/1/%s", first.name);
    want(m.log_end[0] > m.log_start[0]);
    want_refused(path, m.log_start[0] - start + 60); /* in the first block that a restore needs */
    manifest_fini(&m);
    flip("data/snapshots/one/manifest", 50);
    want_eq(folder_restore("data", "one", &e), -EBADMSG);
    want(strstr(e.text, "data/snapshots/one/manifest") && strstr(e.text, "offset 24"));
    struct snapshot_info *all;
    size_t n;
    want_eq(snapshots_list("data", &all, &n, &e), 0);
    want(n == 1 && all[0].damaged && strcmp(all[0].name, "one") == 0);
    free(all);
    server_open(&s, 1);
    compare(&s, model);
    want_eq(snapshot_delete("data", "one", &e), 0); /* a damaged snapshot can be deleted */
    server_close(&s);
}

Test(snapshot, a_damaged_one_is_refused_with_file_and_offset)
{
    world_run_well(BACKEND_SIM, 1, damage, NULL);
}

/* -- a disk that is full or fails -- */

static int count_names(const char *name, void *arg)
{
    ++*(unsigned *)arg;
    return 0;
}

static void full_or_failing(void *arg)
{
    static uint32_t model[IDS];
    struct sim *sim = *(struct sim **)arg;
    struct server s;
    struct error e = {0};
    unsigned names = 0;
    memset(model, 0, sizeof(model));
    server_open(&s, 2);
    create(&s);
    fill(&s, model, 250);
    want_eq(snapshot(&s, "before", &e), 0);
    sim_disk_limit(sim, (uint64_t)1 << 30);
    sim_disk_limit(sim, ((uint64_t)1 << 30) - (uint64_t)directory_space("data"));
    want_eq(directory_space("data"), 0);
    want_eq(snapshot(&s, "full", &e), -ENOBUFS);
    want(strstr(e.text, "the disk is full") && strstr(e.text, "kith snapshot delete"));
    sim_disk_limit(sim, 0);
    sim_fault_rate(sim, FAULT_WRITE_ERROR, 1000000);
    e = (struct error){0};
    want_eq(snapshot(&s, "failing", &e), -EIO);
    want(e.text[0]);
    sim_fault_rate(sim, FAULT_WRITE_ERROR, 0);
    want_eq(snapshot(&s, "after", &e), 0); /* the snapshot that failed does not block the next one */
    want_eq(snapshot(&s, "failing", &e), 0);
    want_eq(directory_list("data/snapshots", count_names, &names), 0);
    want_eq(names, 3);
    server_close(&s);
    want_eq(folder_restore("data", "failing", &e), 0);
    server_open(&s, 1);
    compare(&s, model);
    server_close(&s);
}

Test(snapshot, a_full_or_failing_disk_gives_a_reason_and_leaves_nothing_behind)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim *sim;
        cr_assert_eq(sim_create(seed, &sim), 0);
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, full_or_failing, &sim), 0);
        sim_destroy(sim);
    }
}

/* -- power cuts -- */

struct cut {
    struct sim *sim;
    bool restoring;
    uint32_t then[IDS], now[IDS];
    unsigned restored, kept, halfway, complete; /* how often each state was found */
};

static void prepare(void *arg)
{
    struct cut *c = arg;
    struct server s;
    struct error e = {0};
    server_open(&s, 2);
    create(&s);
    fill(&s, c->now, 250);
    want_eq(snapshot(&s, "one", &e), 0);
    memcpy(c->then, c->now, sizeof(c->now));
    fill(&s, c->now, 100);
    server_close(&s);
}

static void cut_soon(void *arg)
{
    struct cut *c = arg;
    fiber_sleep_ns(random_u64() % MILLIS(c->restoring ? 25 : 60));
    sim_crash(c->sim);
}

static void be_cut(void *arg)
{
    struct cut *c = arg;
    struct server s;
    struct error e = {0};
    if (c->restoring) {
        want_eq(fiber_start(CLASS_WRITE, cut_soon, c, "cut"), 0);
        want_eq(folder_restore("data", "one", &e), 0);
        want_eq(folder_open("data", &s.lock, &s.manifest, &e), 0);
        sim_crash(c->sim);
    }
    server_open(&s, 2);
    want_eq(fiber_start(CLASS_WRITE, cut_soon, c, "cut"), 0);
    for (;;) {
        want_eq(snapshot(&s, "two", &e), 0);
        fiber_sleep_ns(random_u64() % MILLIS(10));
        want_eq(snapshot_delete("data", "two", &e), 0);
    }
}

static int no_leftover(const char *name, void *arg)
{
    return name[0] == '.';
}

static void look(void *arg)
{
    struct cut *c = arg;
    struct server s;
    struct error e = {0};
    struct snapshot_info *all;
    size_t n;
    struct file *marker;
    if (file_open("data/restoring", FILE_READ, &marker) == 0) {
        c->halfway++;
        file_close(marker);
    }
    server_open(&s, 1 + (unsigned)(random_u64() % STORES));
    bool restored = false;
    /* the first point that differs between the states decides; then all points must agree */
    for (uint32_t i = 0; i < IDS; i++) {
        struct point_view v;
        struct point_id id = {0, i};
        if (c->then[i] == c->now[i])
            continue;
        shard_get(owner(&s, id), id, &v);
        restored = (v.found ? (uint32_t)v.vector[0] : 0) == c->then[i];
        break;
    }
    want(c->restoring || !restored);
    compare(&s, restored ? c->then : c->now);
    c->restored += restored;
    c->kept += !restored;
    want_eq(directory_list("data/snapshots", no_leftover, NULL), 0);
    want_eq(snapshots_list("data", &all, &n, &e), 0);
    want(n >= 1 && strcmp(all[0].name, "one") == 0);
    c->complete += n == 2;
    for (size_t i = 0; i < n; i++) {
        struct snapshot_verify v = {0};
        if (snapshot_verify_step("data", all[i].name, 0, NULL, &v, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    }
    free(all);
    server_close(&s);
}

static int run_cut(struct cut *c, uint64_t seed, runtime_boot_fn main)
{
    return world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed, .sim = c->sim}, main, c);
}

static void cut_many(bool restoring, struct cut *sum)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct cut c = {.restoring = restoring};
        cr_assert_eq(sim_create(seed, &c.sim), 0);
        cr_assert_eq(run_cut(&c, seed, prepare), 0);
        cr_assert_eq(run_cut(&c, seed, be_cut), -EOWNERDEAD);
        cr_assert_eq(run_cut(&c, seed, look), 0, "seed %llu", (unsigned long long)seed);
        sim_destroy(c.sim);
        sum->restored += c.restored;
        sum->kept += c.kept;
        sum->halfway += c.halfway;
        sum->complete += c.complete;
    }
}

Test(snapshot, a_power_cut_while_restoring_leaves_all_of_the_old_or_all_of_the_new)
{
    struct cut sum = {0};
    cut_many(true, &sum);
    cr_assert(sum.restored > 5 && sum.kept > 5 && sum.halfway > 5, "restored %u, kept %u, halfway %u", sum.restored,
              sum.kept, sum.halfway);
}

Test(snapshot, a_power_cut_while_one_is_made_or_removed_leaves_all_of_it_or_nothing)
{
    struct cut sum = {0};
    cut_many(false, &sum);
    cr_assert(sum.complete > 2 && sum.complete < 38, "the snapshot was complete %u times", sum.complete);
}
