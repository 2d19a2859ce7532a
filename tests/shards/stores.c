#include "stores.h"
#include "../columns/one_vector.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hook_commit(const struct manifest_edit *edit, void *arg)
{
    struct server *s = ((struct reactor_hooks *)arg)->server;
    semaphore_acquire(&s->writing, 1);
    const struct manifest_change change = {.edit = edit};
    struct manifest_waiter waiter = {.rc = s->commit_fails, .done = s->commit_fails};
    if (!waiter.done)
        manifest_log_add(&s->log, &waiter, &change);
    while (!waiter.done)
        manifest_log_write(&s->log);
    s->commits++;
    semaphore_release(&s->writing, 1);
    return waiter.rc;
}

static int hook_call(unsigned reactor, enum store_call kind, store_call_fn fn, void *call, void *arg)
{
    struct server *s = ((struct reactor_hooks *)arg)->server;
    unsigned self = ((struct reactor_hooks *)arg)->reactor;
    int rc = 0;
    if (s->before_call)
        s->before_call(s, fn, call);
    for (unsigned i = 0; i < s->reactors; i++) {
        int one = (reactor == STORE_ALL_OTHERS ? i != self : i == reactor) && s->stores[i] ? fn(s->stores[i], call) : 0;
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int hook_oldest(uint64_t collection, unsigned owner, const uint64_t *but, uint32_t but_count, uint64_t *ret,
                       void *arg)
{
    const struct server *s = ((struct reactor_hooks *)arg)->server;
    *ret = UINT64_MAX;
    for (size_t i = 0; i < s->manifest.segment_count; i++) {
        bool elsewhere = s->manifest.segments[i].owners == s->reactors && s->manifest.segments[i].owner != owner;
        bool counts = s->manifest.segments[i].collection == collection && !elsewhere;
        for (uint32_t j = 0; j < but_count; j++)
            counts &= s->manifest.segments[i].id != but[j];
        if (counts && s->manifest.segments[i].version_min < *ret)
            *ret = s->manifest.segments[i].version_min;
    }
    return 0;
}

struct store_hooks hooks_of(struct server *s, unsigned reactor)
{
    s->hooks[reactor] = (struct reactor_hooks){s, reactor};
    return (struct store_hooks){
        .commit = hook_commit, .call = hook_call, .oldest = hook_oldest, .arg = &s->hooks[reactor]};
}

void server_open_segments(struct server *s, unsigned reactors)
{
    struct error e = {0};
    *s = (struct server){.reactors = reactors};
    semaphore_init(&s->writing, 1, ORDER_NONE);
    want_eq(folder_open("data", &s->lock, &s->manifest, &e), 0);
    manifest_log_open(&s->log, "data", &s->manifest);
    want_eq(folder_prepare("data", &s->manifest, reactors, &e), 0);
    want_eq(folder_drop_caches("data", &e), 0); /* the caches hold only what the disk has */
    for (unsigned r = 0; r < reactors; r++) {
        struct store_options o = {.dir = "data",
                                  .reactor = r,
                                  .reactors = reactors,
                                  .growing_bytes_max = 60 * DIM * 4,
                                  .hooks = hooks_of(s, r)};
        if (store_open(&o, &s->manifest, &s->stores[r], &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    }
    for (unsigned r = 0; r < reactors; r++)
        want_eq(store_share(s->stores[r]), 0);
    for (unsigned r = 0; r < reactors; r++)
        want_eq(store_map(s->stores[r]), 0);
}

void server_replay(struct server *s)
{
    struct error e = {0};
    for (unsigned r = 0; r < s->reactors; r++) {
        struct store_stats stats;
        if (store_replay(s->stores[r], &s->manifest, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
        store_stats_read(s->stores[r], &stats);
        want_eq(stats.unexpected_records, 0);
    }
    want_eq(folder_complete("data", &s->manifest, s->reactors, &e), 0);
}

void server_open(struct server *s, unsigned reactors)
{
    server_open_segments(s, reactors);
    server_replay(s);
}

bool server_open_looking(struct server *s, unsigned reactors, const struct collection_config *c,
                         const struct truth *truth)
{
    server_open_segments(s, reactors);
    bool rests = manifest_is_clean(&s->manifest, c->id);
    if (rests)
        compare(s, c, truth);
    server_replay(s);
    compare(s, c, truth);
    return rests;
}

void server_close(struct server *s)
{
    for (unsigned r = 0; r < s->reactors; r++)
        store_close(s->stores[r]);
    file_close(s->lock);
    manifest_log_close(&s->log);
    manifest_fini(&s->manifest);
}

struct shard *owner(struct server *s, const struct collection_config *c, struct point_id id)
{
    return store_shard(s->stores[slot_owner(collection_slot(c, point_id_hash(id)), s->reactors)], c->id);
}

struct point_id id_of(uint32_t n)
{
    return n % 2 ? (struct point_id){0, n} : (struct point_id){n + 1, ~(uint64_t)n};
}

/* -- against the model -- */

void upsert(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n)
{
    for (int i = 0; i < DIM; i++)
        truth[n].vector[i] = (float)(random_u64() % 2000) / 1000 - 1;
    snprintf(truth[n].payload, sizeof(truth[n].payload), "{\"n\":%u}", (unsigned)(random_u64() % 1000));
    struct point_id id = id_of(n);
    const void *payload = truth[n].payload;
    uint32_t size = (uint32_t)strlen(truth[n].payload);
    struct point_batch b = {
        .count = 1, .ids = &id, .vectors = truth[n].vector, .payloads = &payload, .payload_sizes = &size};
    struct error e = {0};
    want_eq(shard_upsert(owner(s, c, id), &b, &e), 0);
    truth[n].there = true;
}

void erase(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n)
{
    struct point_id id = id_of(n);
    struct error e = {0};
    uint32_t deleted;
    want_eq(shard_delete(owner(s, c, id), &id, 1, &deleted, &e), 0);
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

/* Searches as the router of one reactor does. One reactor searches all segments that it has, and
 * the others only their growing ones; or, if `wide`, each searches its share of the sealed ones. */
static float nearest_from(struct server *s, uint64_t collection, unsigned session, struct shard_query *q, bool wide)
{
    struct shard *here = store_shard(s->stores[session], collection);
    struct shard_cover covers[STORES];
    uint64_t delegated[REACTORS_MAX / 64] = {0};
    float found = INFINITY;
    for (unsigned r = 0; r < s->reactors; r++) {
        shard_cover_read(here, r, &covers[r]);
        if (wide && covers[r].sealed)
            delegated[0] |= (uint64_t)1 << r;
    }
    for (unsigned r = 0; r < s->reactors; r++) {
        struct point_hit hits[3];
        bool asked = covers[r].unsealed || (wide && covers[r].sealed);
        if (r != session && !asked)
            continue;
        q->part = (struct search_part){.asked = r != session,
                                       .share_seq = covers[r].share_seq,
                                       .sealed = r != session && wide && covers[r].sealed,
                                       .merges = covers[r].merges,
                                       .delegated = wide ? delegated : NULL};
        int n = shard_search(store_shard(s->stores[r], collection), q, hits);
        if (n == -ESTALE)
            return nearest_from(s, collection, session, q, false);
        want(n >= 0);
        if (n > 0)
            found = fminf(found, hits[0].distance);
    }
    return found;
}

/* Compares the nearest points of the model with those of all stores together. */
static void compare_search(struct server *s, const struct collection_config *c, const struct truth *truth, bool exact)
{
    float query[DIM], best = INFINITY;
    for (int i = 0; i < DIM; i++)
        query[i] = (float)(random_u64() % 2000) / 1000 - 1;
    for (uint32_t n = 0; n < IDS; n++)
        if (truth[n].there)
            best = fminf(best, distance(query, truth[n].vector));
    struct shard_query q = {.vector = query, .k = 3, .exact = exact};
    float found = nearest_from(s, c->id, (unsigned)(random_u64() % s->reactors), &q, random_u64() % 2);
    want(best == found || fabsf(best - found) < (exact || s->tolerance == 0 ? 1e-4f : s->tolerance));
}

void compare(struct server *s, const struct collection_config *c, const struct truth *truth)
{
    uint64_t points = 0, expected = 0;
    for (uint32_t n = 0; n < IDS; n++) {
        struct point_view v;
        shard_get(owner(s, c, id_of(n)), id_of(n), &v);
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

struct collection_config create(struct server *s)
{
    return create_indexed(s, &(struct index_options){0});
}

void create_as(struct server *s, struct collection_config *c)
{
    want_eq(collection_config_check(c, NULL), 0);
    if (s->manifest.collection_count > 0)
        return;
    want_eq(manifest_add(&s->manifest, c), 0);
    manifest_clean_everywhere(&s->manifest, c->id);
    manifest_log_reset(&s->log);
    want_eq(manifest_store("data", &s->manifest, NULL), 0);
    for (unsigned r = 0; r < s->reactors; r++)
        want_eq(store_create_collection(s->stores[r], c), 0);
}

struct collection_config create_indexed(struct server *s, const struct index_options *index)
{
    struct collection_config c = {.id = 1, .schema = one_vector_indexed(DIM, METRIC_L2, *index)};
    strcpy(c.name, "test");
    create_as(s, &c);
    return c;
}

void work(struct server *s)
{
    for (unsigned r = 0; r < s->reactors; r++) {
        int rc;
        while ((rc = store_work(s->stores[r])) > 0)
            ;
        want_eq(rc, 0);
    }
}

/* Does the work of the builders of all reactors in one fiber. */
static void compaction_run(void *arg)
{
    struct compaction *t = arg;
    while (!t->stop) {
        for (unsigned r = 0; r < t->server->reactors; r++) {
            want(store_work(t->server->stores[r]) >= 0);
            want(store_maintain(t->server->stores[r]) >= 0);
        }
        fiber_sleep_ns(MILLIS(1));
    }
    for (unsigned r = 0; r < t->server->reactors; r++) {
        struct store_stats stats;
        store_stats_read(t->server->stores[r], &stats);
        t->merges += stats.merges;
    }
    t->ended = true;
}

void compaction_start(struct compaction *t, struct server *s)
{
    t->server = s;
    t->stop = t->ended = false;
    want_eq(fiber_start(CLASS_BACKGROUND, compaction_run, t, "compaction"), 0);
}

void compaction_stop(struct compaction *t)
{
    t->stop = true;
    while (!t->ended)
        fiber_sleep_ns(MILLIS(1));
}
