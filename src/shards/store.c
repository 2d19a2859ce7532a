/* store.c -- the collections of a store, what concerns all its shards, and closing.
 * store_open.c opens a store. */
#include "shards/memory.h"
#include "shards/shard.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int store_create_collection(struct store *store, const struct collection_config *config)
{
    struct shard *s;
    int rc = shard_create(store, config, &s);
    if (rc < 0)
        return rc;
    rc = table_reserve(&store->by_id, 1);
    if (rc < 0) {
        shard_destroy(s);
        return rc;
    }
    table_put(&store->by_id, table_hash(config->id), (uintptr_t)s);
    s->next = store->shards;
    if (s->next)
        s->next->previous = s;
    store->shards = s;
    shard_changed(s);
    return 0;
}

struct shard *store_shard(struct store *store, uint64_t collection)
{
    return (struct shard *)(uintptr_t)table_find_number(&store->by_id, collection);
}

static void unlink_shard(struct store *store, struct shard *s)
{
    table_remove(&store->by_id, table_hash(s->config.id), (uintptr_t)s);
    for (unsigned kind = 0; kind < DUE_KINDS; kind++)
        due_remove(s, (enum due)kind);
    memory_forget(s);
    if (s->previous)
        s->previous->next = s->next;
    else
        store->shards = s->next;
    if (s->next)
        s->next->previous = s->previous;
}

/* Closes the gate and waits until no request is inside. First wakes writes that wait inside for a
 * seal, so that they end. */
static void empty(struct shard *s)
{
    s->gate.closed = true;
    event_notify_all(&s->store->sealing_ended);
    gate_close(&s->gate);
}

void store_empty_collection(struct store *store, uint64_t collection)
{
    struct shard *s = store_shard(store, collection);
    if (s)
        empty(s);
}

int store_drop_collection(struct store *store, uint64_t collection)
{
    struct shard *s = store_shard(store, collection);
    if (!s)
        return -ENOENT;
    unlink_shard(store, s);
    store->log_may_go = true;
    store_notify_work(store);
    int rc = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (!g || g->id == 0 || g->sharing.remote)
            continue;
        int one = store_remove_segment(store, g->id);
        if (one < 0 && one != -ENOENT)
            rc = one;
    }
    shard_destroy(s);
    return rc;
}

uint64_t store_log_needed(const struct store *store, const struct segment *skip)
{
    uint64_t needed = log_durable(store->log);
    for (const struct write_under_way *w = store->writes; w; w = w->next)
        if (w->bound < needed)
            needed = w->bound;
    for (const struct shard *s = store->shards; s; s = s->next)
        for (uint32_t i = 0; i < s->segment_count; i++) {
            const struct segment *g = s->segments[i];
            if (g && g->state != SEGMENT_SEALED && g != skip && g->log.first < needed)
                needed = g->log.first;
        }
    return needed;
}

bool store_is_replayed(const struct store *store)
{
    return store->replayed;
}

uint64_t store_log_durable(const struct store *store)
{
    return log_durable(store->log);
}

int store_segment_path(const struct store *store, uint64_t id, char *path)
{
    return path_join(path, store->dir, "segments/%016" PRIx64 ".seg", id);
}

uint64_t store_next_segment_id(struct store *store)
{
    unsigned n = store->options.reactors;
    uint64_t id = store->segment_id_max + 1;
    id += (store->options.reactor + n - id % n) % n;
    return store->segment_id_max = id;
}

int store_finish_container(const struct store *store, struct container_writer *w, uint64_t *ret_bytes)
{
    char dir[PATH_TEXT_MAX];
    int rc = path_join(dir, store->dir, "segments");
    if (rc == 0)
        return container_finish(w, dir, ret_bytes);
    container_abandon(w);
    return rc;
}

void store_on_work(struct store *store, void (*fn)(void *arg), void *arg)
{
    store->on_work = fn;
    store->on_work_arg = arg;
}

void store_interrupt(struct store *store)
{
    store->interrupted = true;
    event_notify_all(&store->sealing_ended);
}

void store_notify_work(struct store *store)
{
    if (store->on_work)
        store->on_work(store->on_work_arg);
}

void store_stats_read(struct store *store, struct store_stats *ret)
{
    struct log_stats log;
    *ret = store->stats;
    if (!store->replayed)
        return;
    log_stats_read(store->log, &log);
    ret->log_bytes = log.bytes;
    ret->log_flushes = log.flushes;
    ret->log_needed_bytes = log_position(store->log) - store->log_start;
    memory_refresh(store);
    ret->growing_backlog_rows = store->memory.shards.backlog;
    ret->growing_backlog_ns = (uint64_t)((double)ret->growing_backlog_rows * store->row_ns);
}

unsigned store_builds_read(const struct store *s, struct build_info ret[STORE_BUILDS_MAX])
{
    unsigned n = build_read(&s->sealing, &ret[0]);
    return n + build_read(&s->merging, &ret[n]);
}

void store_tune(struct store *store, const struct store_tuning *t)
{
    if (t->growing_bytes_max)
        store->options.growing_bytes_max = t->growing_bytes_max;
    store->options.index_bytes_max = t->index_bytes_max;
    store->options.log_pending_bytes = t->log_pending_bytes;
    if (store->log)
        log_set_pending(store->log, t->log_pending_bytes);
    store->backlog_rows = t->backlog_rows;
}

void store_close(struct store *store)
{
    timer_cancel(&store->idle);
    for (struct shard *s = store->shards; s; s = s->next)
        empty(s); /* another reactor's merge may be replacing segments here */
    if (store->log)
        log_close(store->log);
    while (store->shards) {
        struct shard *s = store->shards;
        unlink_shard(store, s);
        shard_destroy(s);
    }
    table_fini(&store->by_id);
    search_workspaces_destroy(store->workspaces);
    free(store->keep.segments); /* the next start removes their files */
    free(store);
}
