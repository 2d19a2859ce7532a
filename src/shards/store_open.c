/* store_open.c -- a start of a store: opens the sealed segments, shares them, finds for each id
 * owned here the row with the highest version, and replays the log on top. */
#include "base/log.h"
#include "shards/folder/opening.h"
#include "shards/log/log_block.h"
#include "shards/memory.h"
#include "shards/segment/shared_segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define GROWING_BYTES_DEFAULT   ((uint64_t)122 << 20)
#define MERGE_BYTES_DEFAULT     ((uint64_t)1 << 30)
#define COMPACT_PERCENT_DEFAULT 20
#define SEAL_AGE_S_DEFAULT      3600
#define LOG_FILE_MIN            ((uint64_t)64 << 10)
#define LOG_FILE_MAX            ((uint64_t)16 << 20)

/* -- segments -- */

static int open_collection(struct opening *o, const struct collection_config *c)
{
    unsigned reactor = o->store->options.reactor;
    int rc = store_create_collection(o->store, c);
    if (rc < 0)
        return rc;
    bool clean = o->rewrite ? manifest_is_clean(o->manifest, c->id) : manifest_is_clean_on(o->manifest, c->id, reactor);
    store_shard(o->store, c->id)->cleanness = clean ? CLEAN : DIRTY;
    return 0;
}

/* A file that is damaged or cannot be read stops only its own collection. */
static int tolerate_damage(struct opening *o, struct shard *s, int rc)
{
    if (!o->error || (o->error->code != ERROR_CORRUPT && rc != -EIO))
        return rc;
    o->error->code = ERROR_CORRUPT;
    log_error("'%s' is not served: %s", s->config.name, o->error->text);
    s->damage = *o->error;
    *o->error = (struct error){0};
    return 0;
}

/* Memory that the next index may take. If there is less memory than when the segments were made,
 * the last indexes stay in their mapped files. */
static uint64_t copy_max(const struct opening *o)
{
    const uint64_t most = o->store->options.open_bytes_max;
    return most == 0 ? UINT64_MAX : most > o->held ? most - o->held : 0;
}

static void hold(struct opening *o, const struct segment *g)
{
    struct memory_use use = {0};
    segment_memory(g, &use);
    o->held += memory_use_sum(&use);
}

static bool is_ours(const struct opening *o, const struct manifest_segment *m)
{
    /* other segments are shared by their owners */
    return m->id % o->store->options.reactors == o->store->options.reactor;
}

/* Counts the memory of the id map before it is made, because ids cannot stay on the disk. About as
 * many ids are owned here as are in the segments owned here. */
static void hold_ids(struct opening *o)
{
    for (size_t i = 0; i < o->manifest->segment_count; i++) {
        const struct manifest_segment *m = &o->manifest->segments[i];
        o->held += is_ours(o, m) ? (m->rows + m->tombstones) * ID_MAP_ROW_BYTES : 0;
    }
}

static int open_segment(struct opening *o, struct shard *s, const struct manifest_segment *m)
{
    struct store *store = o->store;
    char path[PATH_TEXT_MAX];
    struct segment *g;
    if (!is_ours(o, m))
        return 0;
    int rc = store_segment_path(store, m->id, path);
    if (rc == 0)
        rc = segment_open(path, &s->config, m, copy_max(o), &g, o->error);
    if (rc < 0)
        return tolerate_damage(o, s, rc);
    store->stats.damaged_columns += g->columns.damaged;
    hold(o, g);
    o->mapped += g->vectors[0].index_mapped;
    rc = shard_add_segment(s, g);
    if (rc < 0)
        segment_destroy(g);
    return rc;
}

static int open_segments(struct opening *o)
{
    const struct manifest *m = o->manifest;
    hold_ids(o);
    for (size_t i = 0; i < m->collection_count; i++) {
        int rc = open_collection(o, &m->collections[i]);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    for (size_t i = 0; i < m->segment_count; i++) {
        const struct manifest_segment *g = &m->segments[i];
        struct shard *s = store_shard(o->store, g->collection);
        int rc = s ? open_segment(o, s, g) : 0;
        if (rc < 0)
            return rc;
        if (g->version_max >= o->store->version_next)
            o->store->version_next = g->version_max + 1;
        if (g->id > o->store->segment_id_max)
            o->store->segment_id_max = g->id;
    }
    return 0;
}

/* -- the id map -- */

/* Puts the row into the id map. Of two rows with one id, the one with the lower version is dead. */
static int map_row(struct opening *o, struct shard *s, struct segment *g, uint32_t row)
{
    struct id_entry e = {segment_id_at(g, row), segment_version_at(g, row), g->handle, row}, other;
    if (!e.version) /* the page was lost and reads as zeros; the collection is not served */
        return 0;
    if (!shard_owns_id(s, e.id))
        return 0; /* the owner of the id sends a remote delete if the row is dead */
    bool newest = id_map_put(&s->ids, &e, &other);
    return shard_delete_old(s, newest ? &other : &e, &o->remote_deletes);
}

static int map_segment(struct opening *o, struct shard *s, struct segment *g)
{
    int rc = id_map_reserve(&s->ids, (size_t)g->rows.count + g->tombstones.count);
    for (uint32_t row = 0; rc == 0 && row < g->rows.count; row++) {
        rc = map_row(o, s, g, row);
        if (row % 256 == 0)
            fiber_checkpoint();
    }
    for (uint32_t i = 0; rc == 0 && i < g->tombstones.count; i++) {
        struct id_entry e = {g->tombstones.items[i].id, g->tombstones.items[i].version, ID_MAP_DELETED, 0}, old;
        if (shard_owns_id(s, e.id) && id_map_put(&s->ids, &e, &old))
            rc = shard_delete_old(s, &old, &o->remote_deletes);
    }
    return rc;
}

int store_map(struct store *store)
{
    struct opening o = {.store = store};
    int rc = 0;
    remote_deletes_begin(store, &o.remote_deletes);
    for (struct shard *s = store->shards; rc == 0 && s; s = s->next)
        for (uint32_t i = 0; rc == 0 && i < s->segment_count; i++)
            rc = map_segment(&o, s, s->segments[i]);
    int sent = remote_deletes_send(store, &o.remote_deletes);
    return rc < 0 ? rc : sent;
}

static void note_log_past(struct store *store)
{
    for (struct shard *s = store->shards; s; s = s->next)
        for (uint32_t i = 0; i < s->segment_count; i++)
            if (s->segments[i])
                s->segments[i]->log.past = log_position(store->log);
}

/* Four files for the bytes of one growing segment, so that a seal frees whole files. */
uint64_t store_log_file_bytes(uint64_t growing_bytes_max)
{
    uint64_t growing_bytes = growing_bytes_max ? growing_bytes_max : GROWING_BYTES_DEFAULT;
    uint64_t bytes = growing_bytes / 4 & ~(uint64_t)(LOG_UNIT - 1);
    return bytes < LOG_FILE_MIN ? LOG_FILE_MIN : bytes > LOG_FILE_MAX ? LOG_FILE_MAX : bytes;
}

static void take_options(struct store *store, const struct store_options *options)
{
    store->options = *options;
    if (store->options.growing_bytes_max == 0)
        store->options.growing_bytes_max = GROWING_BYTES_DEFAULT;
    if (store->options.merge_bytes_max == 0)
        store->options.merge_bytes_max = MERGE_BYTES_DEFAULT;
    if (store->options.compact_percent == 0)
        store->options.compact_percent = COMPACT_PERCENT_DEFAULT;
    if (store->options.seal_age_s == 0)
        store->options.seal_age_s = SEAL_AGE_S_DEFAULT;
    if (store->options.log_file_bytes == 0)
        store->options.log_file_bytes = store_log_file_bytes(store->options.growing_bytes_max);
    store->read_only = options->read_only;
    store->round = options->round;
}

int store_open(const struct store_options *options, const struct manifest *m, struct store **ret, struct error *error)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return error_set_errno(error, -ENOMEM, "opening the data");
    struct opening o = {.store = store, .manifest = m, .rewrite = m->reactors != options->reactors, .error = error};
    take_options(store, options);
    store->version_next = 1;
    store->log_start = o.rewrite ? 0 : m->log_start[options->reactor];
    store->epoch = m->epoch + o.rewrite;
    int n = snprintf(store->dir, sizeof(store->dir), "%s", options->dir);
    int rc = n < 0 || (size_t)n >= sizeof(store->dir) ? -ENAMETOOLONG : 0;
    store->options.dir = store->dir;
    if (rc == 0)
        rc = open_segments(&o);
    if (rc < 0) {
        if (error && error->code == ERROR_OK)
            error_set_errno(error, rc, "opening the data in %s", options->dir);
        store_close(store);
        return rc;
    }
    if (o.mapped)
        log_warn(
            "reactor %u: memory is short: the indexes of %u segments stay in their files, where searches may wait for "
            "the disk; start with more --memory to hold them",
            options->reactor, o.mapped);
    *ret = store;
    return 0;
}

static int announce_all(struct store *store)
{
    int rc = 0;
    for (struct shard *s = store->shards; rc == 0 && s; s = s->next)
        if (s->growing || s->frozen)
            rc = shard_announce_unsealed(s);
    return rc;
}

int store_replay(struct store *store, const struct manifest *m, struct error *error)
{
    struct replay_progress unseen = {0};
    struct opening o = {
        .store = store,
        .manifest = m,
        .rewrite = m->reactors != store->options.reactors,
        .progress = store->options.progress ? store->options.progress : &unseen,
        .error = error,
    };
    uint64_t start_ns = clock_now_ns();
    remote_deletes_begin(store, &o.remote_deletes);
    int rc = opening_replay(&o);
    if (rc == 0)
        note_log_past(store);
    int sent = remote_deletes_send(store, &o.remote_deletes);
    rc = rc < 0 ? rc : sent;
    if (rc == 0)
        rc = announce_all(store);
    if (rc < 0)
        return error && error->code == ERROR_OK ? error_set_errno(error, rc, "opening the data in %s", store->dir) : rc;
    store->replayed = true;
    store->log_may_go = true;
    if (store->stats.replayed_records)
        log_info("reactor %u: %" PRIu64 " records replayed in %" PRIu64 " ms", store->options.reactor,
                 store->stats.replayed_records, (clock_now_ns() - start_ns) / 1000000);
    return 0;
}
