/* shard_write.c -- a write in a straight line: check it, log it, wait until the log is durable,
 * make it visible, tell the other reactors which rows died. */
#include "shards/background/throttle.h"
#include "shards/folder/read_only.h"
#include "shards/memory.h"
#include "shards/segment/shared_segment.h"
#include "shards/shard.h"
#include "shards/write_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_RETRY_NS ((uint64_t)10000000)
#define APPLY_MAX       256 /* records applied without a pause */
/* vector values applied without a pause: 0.1 to 0.2 ms, because each row is coded and put into a
 * list */
#define APPLY_VALUES 8192

/* -- writes under way, whose records the log must keep -- */

static void write_begin(struct shard *s, struct write_under_way *w)
{
    struct store *store = s->store;
    s->writes++;
    w->bound = log_durable(store->log);
    w->next = store->writes;
    w->link = &store->writes;
    if (w->next)
        w->next->link = &w->next;
    store->writes = w;
}

static void write_end(struct shard *s, struct write_under_way *w)
{
    s->writes--;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
}

/* -- checks -- */

/* The id map may have been made from pages that were lost. Then it lacks points that are there. */
static int check_damage(struct shard *s, struct error *error)
{
    const struct error *damage = shard_damage(s);
    return damage ? error_set(error, damage->code, "%s", damage->text) : 0;
}

/* Refuses a write because segments cannot be sealed, and the frozen ones take the
 * memory of new points. */
static int refuse_unsealed(const struct shard *s, struct error *error)
{
    const struct store *store = s->store;
    /* the text behind the ';' advises to restore a snapshot, but no data is lost here */
    const char *damage = store->work_damage.text;
    if (store->work_failed == -EBADMSG && store->work_damage.code == ERROR_CORRUPT)
        return error_set(error, ERROR_CORRUPT,
                         "%.*s; it was just written and is written again, but memory for new points is full until that "
                         "succeeds; check the disk",
                         (int)strcspn(damage, ";"), damage);
    return error_set_errno(error, store->work_failed,
                           "segments of '%s' cannot be sealed, and memory for new points is full; free disk space",
                           s->config.name);
}

/* Waits while too many frozen segments wait to be sealed. So a shard that fills faster than it
 * seals slows its writers, and not its readers. */
static int wait_for_room(struct shard *s, uint32_t rows, const struct context *ctx, struct error *error)
{
    throttle_wait(s, rows, ctx);
    while (s->frozen >= throttle_frozen_max(s) && !s->gate.closed) {
        /* its segments are not sealed any more, and the drop waits for this write */
        if (s->dropped)
            return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
        if (s->store->read_only)
            return read_only_refuse(s->store->read_only, s->store->dir, error);
        if (s->store->work_failed)
            return refuse_unsealed(s, error);
        int rc = context_check(ctx);
        if (rc < 0)
            return rc;
        order_check(s->store->options.hooks.background_order);
        ignore_result(throttle_wait_sealing(s->store, ctx));
    }
    return 0;
}

/* The last place where a write can be given up. Once its record is in the log, the write is
 * finished, however long the disk takes: the next start may find the record. */
static int check_given_up(const struct context *ctx, struct error *error)
{
    int rc = context_check(ctx);
    if (rc == -ETIME)
        return error_set(error, ERROR_DEADLINE_EXCEEDED,
                         "the deadline passed while the write waited for its turn; it was not begun");
    if (rc == -ECANCELED)
        return error_set(error, ERROR_CANCELLED,
                         "the write was cancelled while it waited for its turn; it was not begun");
    return rc;
}

/* -- deletions -- */

/* A hash table (open addressing) of the ids of one request, so that an id which is in
 * it twice counts once. */
struct id_set {
    uint32_t *places; /* index + 1 of an id; 0: free */
    uint64_t mask;
};

static int id_set_init(struct id_set *set, uint32_t count)
{
    uint64_t size = 2;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    set->places = calloc(size, sizeof(*set->places));
    set->mask = size - 1;
    return set->places ? 0 : -ENOMEM;
}

/* Adds ids[i]. False: the id was there already. */
static bool id_set_add(struct id_set *set, const struct point_id *ids, uint32_t i)
{
    /* ids of one owner differ in the low bits of the hash, too */
    uint64_t at = point_id_hash(ids[i]) & set->mask;
    for (; set->places[at]; at = (at + 1) & set->mask)
        if (point_id_equal(ids[set->places[at] - 1], ids[i]))
            return false;
    set->places[at] = i + 1;
    return true;
}

/* Finds the ids that are there, because only these get a tombstone. *ret: the ids, which the caller
 * frees; *ret_count: how many. */
static int find_deleted(struct shard *s, const struct point_id *ids, uint32_t count, struct point_id **ret,
                        uint32_t *ret_count)
{
    struct id_set set = {0};
    struct point_id *found = *ret = malloc((count + (size_t)1) * sizeof(*found));
    uint32_t n = 0;
    int rc = found ? id_set_init(&set, count) : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        const struct id_entry *e = id_map_find(&s->ids, ids[i]);
        if (e && e->segment != ID_MAP_DELETED && id_set_add(&set, ids, i))
            found[n++] = ids[i];
        fiber_checkpoint();
    }
    free(set.places);
    *ret_count = n;
    return rc;
}

/* -- records -- */

/* Records that are in the log and not visible yet. */
struct unapplied {
    const struct write_records *write;
    uint32_t at; /* the next record to apply */
    uint64_t bound;
};

/* A payload that is too long to be copied without a pause. It is copied with pauses before its
 * record is applied, and the segment takes over the copy. */
struct long_payload {
    struct arena arena;
    const void *bytes; /* NULL: the next record has none */
};

static int prepare_payload(const struct unapplied *u, struct long_payload *ret)
{
    struct record_part parts[WRITE_PARTS];
    struct record r;
    write_records_at(u->write, u->at, parts, &r);
    const struct record_part *payload = record_part(&r, RECORD_PAYLOAD, 0);
    *ret = (struct long_payload){0};
    if (!payload || payload->size <= PAYLOAD_AT_ONCE)
        return 0;
    void *copy = arena_alloc(&ret->arena, payload->size);
    if (!copy)
        return -ENOMEM;
    fiber_copy(copy, payload->bytes, payload->size);
    ret->bytes = copy;
    return 0;
}

/* Applies up to max records, for which the id map and the remote deletes have room. Stops before
 * the payloads are longer than PAYLOAD_AT_ONCE together. Does not wait, because another write would
 * use that room. */
static int apply_some(struct shard *s, struct unapplied *u, uint32_t max, struct remote_deletes *remote_deletes,
                      struct long_payload *first)
{
    struct record_part parts[WRITE_PARTS];
    struct record r;
    uint64_t bytes = 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < max; i++) {
        write_records_at(u->write, u->at, parts, &r);
        const bool is_first = i == 0 && first->bytes;
        bytes += r.part_count == WRITE_PARTS ? parts[1].size : 0;
        if (i > 0 && bytes > PAYLOAD_AT_ONCE)
            break;
        if (is_first)
            parts[1].bytes = first->bytes;
        rc = shard_apply(s, &r, is_first ? &first->arena : NULL, u->bound, remote_deletes);
        if (rc == 0)
            u->at++;
    }
    return rc;
}

static int apply_next(struct shard *s, struct unapplied *u)
{
    const uint32_t values = APPLY_VALUES / shard_vector(s)->dim;
    const uint32_t most = values < 1 ? 1 : values < APPLY_MAX ? values : APPLY_MAX;
    const uint32_t left = u->write->count - u->at;
    const uint32_t max = left < most ? left : most;
    struct remote_deletes remote_deletes;
    struct long_payload payload;
    int rc = prepare_payload(u, &payload);
    if (rc < 0)
        return rc;
    remote_deletes_begin(s->store, &remote_deletes);
    rc = id_map_reserve(&s->ids, max);
    if (rc == 0)
        rc = remote_deletes_reserve(&remote_deletes, max);
    if (rc == 0)
        rc = apply_some(s, u, max, &remote_deletes, &payload);
    arena_fini(&payload.arena); /* still here when a newer version of the point was there already */
    int sent = remote_deletes_send(s->store, &remote_deletes);
    return rc < 0 ? rc : sent;
}

/* Records that are in the log must become visible, because the next start would find them.
 * Otherwise a deletion could be told that there is no such point, and the point would come back. So
 * without memory this waits and tries again. */
static int apply_all(struct shard *s, struct unapplied *u)
{
    int rc = 0;
    while (rc == 0 && u->at < u->write->count) {
        rc = apply_next(s, u);
        if (rc == -ENOMEM && !s->gate.closed && !s->store->interrupted) {
            fiber_sleep_ns(MEMORY_RETRY_NS);
            rc = 0;
        }
        fiber_checkpoint();
    }
    return rc;
}

static int make_dirty(struct shard *s, struct error *error)
{
    int rc = shard_make_dirty(s);
    if (disk_failed(rc))
        return read_only_refuse(rc, s->store->dir, error);
    if (rc == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    return rc < 0 ? error_set_errno(error, rc, "the manifest cannot be written, so nothing new is accepted") : 0;
}

static int append(struct shard *s, const struct record_list *records, struct error *error)
{
    struct store *store = s->store;
    int rc = log_append(store->log, records->slices, records->count, s->config.durability);
    if (disk_failed(rc))
        return read_only_refuse(rc, store->dir, error);
    return rc < 0 ? error_set_errno(error, rc, "the log cannot be written, so nothing new is accepted; searches go on")
                  : 0;
}

static int log_and_apply(struct shard *s, const struct write_records *write, const struct record_list *records,
                         struct error *error)
{
    struct store *store = s->store;
    if (write->count == 0)
        return 0;
    struct write_under_way w;
    write_begin(s, &w);
    int rc = make_dirty(s, error);
    if (rc == 0 && (rc = shard_announce_unsealed(s)) < 0)
        error_set_errno(error, rc, "not every core could be told of the write, so it was not begun; send it again");
    if (rc == 0) {
        rc = append(s, records, error);
        store->stats.log_records += write->count;
    }
    if (rc == 0) {
        rc = apply_all(s, &(struct unapplied){.write = write, .bound = w.bound});
        s->unapplied |= rc < 0;
        if (rc < 0)
            error_set_errno(error, rc, "the points are logged, but could not be made visible");
    }
    write_end(s, &w);
    shard_changed(s);
    return rc;
}

int shard_upsert(struct shard *s, const struct point_batch *batch, struct error *error)
{
    struct write_records write = {0};
    struct record_list records = {0};
    uint64_t admitted = 0;
    int rc = gate_enter(&s->gate);
    if (rc < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    rc = check_damage(s, error);
    if (rc == 0 && s->store->read_only)
        rc = read_only_refuse(s->store->read_only, s->store->dir, error);
    if (rc == 0)
        rc = wait_for_room(s, batch->count, batch->ctx, error);
    if (rc == 0)
        rc = memory_admit(s, batch, &admitted, error);
    if (rc == 0)
        rc = write_records_begin(&write, s, batch);
    if (rc == 0)
        rc = write_records_list(&write, &records);
    if (rc == 0 || rc == -ETIME || rc == -ECANCELED)
        rc = check_given_up(batch->ctx, error);
    if (rc == 0)
        rc = log_and_apply(s, &write, &records, error);
    memory_written(s->store, admitted);
    record_list_fini(&records, fiber_pause);
    write_records_end(&write);
    gate_leave(&s->gate);
    return rc;
}

/* While the log fails, a deletion cannot even answer that there is no such point: the next start
 * may find a write that was refused. */
static int check_log(const struct shard *s, struct error *error)
{
    int rc = log_failed(s->store->log);
    return rc < 0 ? read_only_refuse(rc, s->store->dir, error) : 0;
}

int shard_delete(struct shard *s, const struct point_id *ids, uint32_t count, uint32_t *ret_deleted,
                 struct error *error)
{
    struct write_records write = {0};
    struct record_list records = {0};
    struct point_id *found = NULL;
    int rc = gate_enter(&s->gate);
    if (rc < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    rc = check_damage(s, error);
    if (rc == 0)
        rc = check_log(s, error);
    if (rc == 0)
        rc = find_deleted(s, ids, count, &found, ret_deleted);
    if (rc == 0) {
        write_records_begin_deletes(&write, s, found, *ret_deleted);
        rc = write_records_list(&write, &records);
    }
    if (rc == 0)
        rc = log_and_apply(s, &write, &records, error);
    record_list_fini(&records, fiber_pause);
    free(found);
    gate_leave(&s->gate);
    return rc;
}
