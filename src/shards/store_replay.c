/* store_replay.c -- replays the logs into memory. All reactors replay at the same time, each its
 * own log. When the number of reactors has changed, each reads all old logs and keeps the records
 * of the slots that it owns now. A replay that is interrupted begins again at the next start,
 * because nothing on the disk changes before it is complete. */
#include "base/log.h"
#include "shards/folder/opening.h"
#include "shards/folder/read_only.h"
#include "shards/folder/reserve.h"
#include "shards/log/record.h"

#include <errno.h>
#include <inttypes.h>

#define LINE_NS ((uint64_t)1000000000)

/* -- progress -- */

static void begin_progress(struct opening *o, const struct log_options *log, uint64_t start)
{
    o->bytes_before = o->progress->bytes_done;
    o->start = start;
    o->progress->bytes += log_extent(log, start);
}

static void show_progress(struct opening *o, uint64_t position)
{
    struct replay_progress *p = o->progress;
    p->bytes_done = o->bytes_before + position - o->start;
    p->records = o->store->stats.replayed_records;
    uint64_t now_ns = clock_now_ns();
    if (now_ns < o->line_ns)
        return;
    o->line_ns = now_ns + LINE_NS;
    uint64_t ms = (now_ns - p->start_ns) / 1000000;
    log_info("reactor %u: replaying the log, %" PRIu64 " of at most %" PRIu64 " MiB, %" PRIu64 " records a second",
             o->store->options.reactor, p->bytes_done >> 20, p->bytes >> 20, ms ? p->records * 1000 / ms : 0);
}

/* -- records -- */

static struct shard *shard_of(struct opening *o, uint64_t collection)
{
    if (!o->last || o->last->config.id != collection)
        o->last = store_shard(o->store, collection);
    return o->last;
}

/* A clean collection is read by clients already. If the manifest was wrong and the log has more,
 * the record is applied all the same: it was acknowledged. */
static void check_clean(struct opening *o, struct shard *s, const struct record *r)
{
    const struct id_entry *is = id_map_find(&s->ids, r->id);
    if (s->cleanness != CLEAN || s->damage.code || (is && is->version >= r->version))
        return;
    if (o->store->stats.unexpected_records++ == 0)
        log_error(
            "the manifest calls '%s' clean, but the log of reactor %u has records of it that its segments lack; they "
            "are read, and answers during this start were not complete",
            s->config.name, o->store->options.reactor);
    s->cleanness = DIRTY;
}

static int replay_record(struct opening *o, const struct record *r, const uint8_t *bytes, size_t size,
                         uint64_t position)
{
    struct store *store = o->store;
    if (r->version >= store->version_next)
        store->version_next = r->version + 1;
    struct shard *s = shard_of(o, r->collection);
    /* the collection was dropped, or another reactor owns the id */
    if (!s || !shard_owns_id(s, r->id))
        return 0;
    int rc = collection_check_record(&s->config, r, o->error);
    if (rc < 0)
        return rc;
    store->stats.replayed_records++;
    check_clean(o, s, r);
    const struct iovec whole = {(void *)(uintptr_t)bytes, size};
    rc = o->rewrite ? log_append(store->log, &whole, 1, DURABILITY_NONE) : 0;
    if (rc == 0)
        rc = id_map_reserve(&s->ids, 1);
    return rc < 0 ? rc : shard_apply(s, r, NULL, position, &o->remote_deletes);
}

static int replay_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    struct opening *o = arg;
    struct record_part parts[RECORD_PARTS_MAX];
    struct record r;
    if (o->store->interrupted)
        return error_set(o->error, ERROR_CANCELLED, "the start was given up");
    for (size_t at = 0, n; at < size; at += n) {
        n = record_read(bytes + at, size - at, parts, &r);
        if (n == 0)
            return error_set(o->error, ERROR_CORRUPT,
                             "the log holds a record that cannot be read, at position %" PRIu64 " + %zu", position, at);
        int rc = replay_record(o, &r, bytes + at, n, o->rewrite ? 0 : position);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    show_progress(o, position + size);
    return 0;
}

/* -- logs -- */

static int log_dir_path(const struct store *store, uint64_t log_dir, char *path)
{
    return path_join(path, store->dir, "log/%" PRIu64, log_dir);
}

static void on_log_failure(int rc, void *arg)
{
    struct store *store = arg;
    store_met_failure(store, rc, store->round);
}

static struct log_options log_options_of(struct store *store, const char *dir)
{
    return (struct log_options){
        .dir = dir,
        .epoch = store->epoch,
        .reactor = store->options.reactor,
        .file_bytes = store->options.log_file_bytes,
        .pending_bytes = store->options.log_pending_bytes,
        .save_space = disk_is_full(store->read_only),
        .on_failure = on_log_failure,
        .arg = store,
    };
}

/* On a full disk, removes the reserve to make space for the new log file. */
static int begin_log(struct opening *o, struct log_options *log, struct log_end end)
{
    struct store *store = o->store;
    int rc = log_open(log, end, &store->log, o->error);
    if (!disk_is_full(rc < 0 ? rc : log_failed(store->log)) || log->save_space)
        return rc;
    ignore_result(reserve_remove(store->dir));
    store_met_failure(store, -ENOSPC, store->round);
    log->save_space = true;
    /* the log is open but failed; if it stays failed, the data can still be read */
    if (rc == 0) {
        log_save_space(store->log, true);
        ignore_result(log_recover(store->log));
        return 0;
    }
    if (o->error)
        *o->error = (struct error){0};
    return log_open(log, end, &store->log, o->error);
}

static int replay(struct opening *o, const struct log_options *log, uint64_t start, struct log_end *ret_end)
{
    begin_progress(o, log, start);
    int rc = log_replay(log, start, replay_group, o, ret_end, o->error);
    if (rc == 0)
        o->store->stats.log_cut_bytes += ret_end->cut;
    return rc;
}

static int open_same(struct opening *o)
{
    struct store *store = o->store;
    char dir[PATH_TEXT_MAX];
    struct log_options log = log_options_of(store, dir);
    log.known_end = manifest_log_end(o->manifest, log.reactor);
    struct log_end end;
    int rc = log_dir_path(store, o->manifest->log_dir, dir);
    if (rc == 0)
        rc = replay(o, &log, o->manifest->log_start[log.reactor], &end);
    return rc < 0 ? rc : begin_log(o, &log, end);
}

/* The number of reactors has changed: reads every old log, keeps the records whose ids are owned
 * here, and appends them to the new log. */
static int open_rewritten(struct opening *o)
{
    struct store *store = o->store;
    char fresh[PATH_TEXT_MAX], old[PATH_TEXT_MAX];
    struct log_options log = log_options_of(store, fresh);
    int rc = log_dir_path(store, o->manifest->log_dir + 1, fresh);
    if (rc == 0)
        rc = begin_log(o, &log, (struct log_end){0});
    if (rc == 0)
        rc = log_dir_path(store, o->manifest->log_dir, old);
    for (unsigned r = 0; rc == 0 && r < o->manifest->reactors; r++) {
        struct log_options from = {
            .dir = old, .epoch = o->manifest->epoch, .reactor = r, .known_end = manifest_log_end(o->manifest, r)};
        struct log_end end;
        rc = replay(o, &from, o->manifest->log_start[r], &end);
    }
    return rc < 0 ? rc : log_flush(store->log);
}

int opening_replay(struct opening *o)
{
    o->progress->bytes_done = o->progress->bytes = o->progress->records = 0;
    o->progress->start_ns = clock_now_ns();
    o->line_ns = o->progress->start_ns + LINE_NS;
    int rc = o->rewrite ? open_rewritten(o) : open_same(o);
    /* the rest of the estimate was unused space in files */
    o->progress->bytes = o->progress->bytes_done;
    return rc;
}
