/* read_only.c -- how a store becomes read-only when the disk fails, and writable again. */
#include "shards/folder/read_only.h"
#include "base/log.h"
#include "reactor/file.h"
#include "shards/shard.h"

#include <errno.h>
#include <string.h>

bool disk_is_full(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT;
}

bool disk_failed(int rc)
{
    return disk_is_full(rc) || rc == -EIO || rc == -EROFS || rc == -ENXIO || rc == -ENODEV;
}

const char *disk_failure_name(int rc)
{
    return disk_is_full(rc) ? "disk_full" : rc == -EROFS ? "disk_read_only" : "disk_error";
}

int read_only_refuse(int rc, const char *dir, struct error *error)
{
    if (disk_is_full(rc))
        return error_set(
            error, ERROR_RESOURCE_EXHAUSTED,
            "the disk under %.100s is full, so nothing new is stored; searches go on, points can be deleted and "
            "collections dropped; free space there, and writes go on by themselves",
            dir);
    if (rc == -ENOMEM)
        return error_set(
            error, ERROR_RESOURCE_EXHAUSTED,
            "there was no memory to write the log under %.100s, so nothing new is stored; searches go on, and "
            "writes go on by themselves when there is memory",
            dir);
    return error_set(
        error, ERROR_IO,
        "the disk under %.100s cannot be written (%s), so nothing new is stored; searches go on; mend the disk, "
        "and writes go on by themselves",
        dir, strerror(-rc));
}

bool store_met_failure(struct store *s, int rc, uint64_t round)
{
    /* a log that failed for want of memory has to recover, too */
    if (!disk_failed(rc) && !log_failed(s->log))
        return false;
    if (round != s->round)
        return true;
    if (!s->read_only)
        s->read_only = rc;
    /* writers that wait for a seal end with this failure */
    event_notify_all(&s->sealing_ended);
    if (s->options.hooks.failed)
        s->options.hooks.failed(rc, round, s->options.hooks.arg);
    return false;
}

/* Rows that became visible before they were flushed may be lost from the log. Freezes their
 * segments, so that they are sealed soon. */
static void keep_what_was_not_flushed(struct store *store)
{
    for (struct shard *s = store->shards; s; s = s->next)
        if (s->config.durability != DURABILITY_FLUSH && !s->damage.code)
            shard_freeze(s);
    store_changed(store);
}

static int recover(struct store *s)
{
    if (!log_failed(s->log))
        return 0;
    int rc = log_recover(s->log);
    if (rc == 0)
        keep_what_was_not_flushed(s);
    return rc;
}

void store_turn_read_only(struct store *s, int rc)
{
    s->read_only = rc;
    event_notify_all(&s->sealing_ended);
    if (!disk_is_full(rc))
        return;
    log_save_space(s->log, true);
    rc = recover(s);
    if (rc < 0)
        log_warn("reactor %u: points cannot be deleted either, because the log cannot be written: %s",
                 s->options.reactor, strerror(-rc));
}

int store_turn_writable(struct store *s, uint64_t round)
{
    log_settle(s->log);
    int rc = recover(s);
    s->round = round;
    if (rc < 0)
        return rc;
    log_save_space(s->log, false);
    s->read_only = 0;
    s->work_failed = s->maintain_failed = 0;
    event_notify_all(&s->sealing_ended);
    store_changed(s);
    return 0;
}

uint64_t store_round(const struct store *s)
{
    return s->round;
}

int store_read_only(const struct store *s)
{
    return s->read_only;
}

/* Vectors, their codes and links, and payloads. Codes and links are taken to be half as
 * large as the vectors. */
static uint64_t bytes_to_seal(const struct shard *s, const struct segment *g)
{
    return (uint64_t)g->rows.count * vector_bytes(shard_vector(s)) / 2 * 3 + g->payloads.arena.used;
}

uint64_t store_bytes_to_seal(const struct store *store)
{
    uint64_t bytes = 0;
    for (const struct shard *s = store->shards; s; s = s->next)
        for (uint32_t i = 0; i < s->segment_count; i++)
            if (s->segments[i] && s->segments[i]->state == SEGMENT_FROZEN)
                bytes += bytes_to_seal(s, s->segments[i]);
    return bytes;
}

uint64_t store_space_wanted(const struct store *s)
{
    return store_bytes_to_seal(s) + s->options.log_file_bytes;
}

uint64_t store_room(const struct store *s)
{
    const int64_t space = directory_space(s->dir);
    const uint64_t log = s->options.log_file_bytes;
    if (space < 0)
        return UINT64_MAX;
    if (disk_is_full(s->read_only))
        return (uint64_t)space / 2;
    return (uint64_t)space > log ? (uint64_t)space - log : 0;
}
