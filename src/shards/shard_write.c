/* shard_write.c -- a write in a straight line: check, log, wait until that is durable, make it visible, tell the others. */
#include "shards/background/throttle.h"
#include "shards/folder/read_only.h"
#include "shards/log/record.h"
#include "shards/memory.h"
#include "shards/segment/shared_segment.h"
#include "shards/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_AT_ONCE ((uint32_t)128 << 10)
#define MEMORY_RETRY_NS ((uint64_t)10000000)
#define APPLY_MAX       256  /* records made visible without a pause, */
#define APPLY_VALUES    8192 /* and no more values: some 0.1 to 0.2 ms, for each row is coded and put into a list */

/* -- what the log must keep -- */

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

/* The id map, too, may come from pages that were lost: it then says "no such point" of one that is there. */
static int check_damage(struct shard *s, struct error *error)
{
    const struct error *damage = shard_damage(s);
    return damage ? error_set(error, damage->code, "%s", damage->text) : 0;
}

static int check_vectors(const struct shard *s, const struct point_batch *b, struct error *error)
{
    uint32_t dim = shard_vector(s)->dim;
    for (uint32_t i = 0; i < b->count; i++) {
        int64_t bad = vectors_first_bad(b->vectors + (size_t)i * dim, dim);
        if (bad >= 0) {
            char text[POINT_ID_TEXT_MAX];
            return error_set(error, ERROR_INVALID_ARGUMENT, "point %s: component %lld is not a finite number",
                             point_id_format(b->ids[i], text), (long long)bad);
        }
        if (b->payloads && b->payloads[i] && b->payload_sizes[i] > POINT_PAYLOAD_MAX) {
            char text[POINT_ID_TEXT_MAX];
            return error_set(error, ERROR_INVALID_ARGUMENT, "point %s: the payload has %u bytes; at most %u",
                             point_id_format(b->ids[i], text), b->payload_sizes[i], POINT_PAYLOAD_MAX);
        }
        fiber_checkpoint();
    }
    return 0;
}

/* Background work fails, and what waits to be sealed takes the memory of new points. */
static int refuse_unsealed(const struct shard *s, struct error *error)
{
    const struct store *store = s->store;
    const char *damage = store->work_damage.text; /* its advice, to restore a snapshot, is for data that is gone */
    if (store->work_failed == -EBADMSG && store->work_damage.code == ERROR_CORRUPT)
        return error_set(error, ERROR_CORRUPT,
                         "%.*s; it was just written and is written again, but memory for new points is full until that "
                         "succeeds; check the disk",
                         (int)strcspn(damage, ";"), damage);
    return error_set_errno(error, store->work_failed,
                           "segments of '%s' cannot be sealed, and memory for new points is full; free disk space",
                           s->config.name);
}

/* A shard that cannot seal as fast as it is filled slows its writers, not its readers. */
static int wait_for_room(struct shard *s, uint32_t rows, const struct context *ctx, struct error *error)
{
    throttle_wait(s, rows, ctx);
    while (s->frozen >= throttle_frozen_max(s) && !s->gate.closed) {
        if (s->dropped) /* nothing of it is sealed any more, and the order to drop it waits for this write */
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

/* Up to here a write can be given up. From its record in the log on it is finished, however long the disk takes: nobody could
 * say any more whether it was made. */
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

/* -- records -- */

static uint32_t payload_size_at(const struct point_batch *b, uint32_t i)
{
    return b->payloads && b->payloads[i] ? b->payload_sizes[i] : 0;
}

static int encode_upserts(struct shard *s, const struct point_batch *b, struct buffer *out, struct error *error)
{
    uint32_t dim = shard_vector(s)->dim;
    size_t total = 0;
    for (uint32_t i = 0; i < b->count; i++)
        total += record_extent(dim, payload_size_at(b, i));
    int rc = buffer_reserve(out, total);
    if (rc < 0)
        return rc;
    uint64_t version = s->store->version_next;
    s->store->version_next += b->count;
    for (uint32_t i = 0; i < b->count; i++) {
        struct record r = {
            .type = RECORD_UPSERT,
            .collection = s->config.id,
            .version = version + i,
            .id = b->ids[i],
            .dim = dim,
            .payload_size = payload_size_at(b, i),
            .vector = b->vectors + (size_t)i * dim,
        };
        float *vector = record_write(&r, out->bytes + out->size);
        if (shard_vector(s)->metric == METRIC_COSINE && !vectors_normalise(vector, dim)) {
            char text[POINT_ID_TEXT_MAX];
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "point %s: a vector of length zero has no direction, which cosine needs",
                             point_id_format(b->ids[i], text));
        }
        if (r.payload_size)
            fiber_copy(vector + dim, b->payloads[i], r.payload_size);
        out->size += record_extent(dim, r.payload_size);
        fiber_checkpoint();
    }
    return 0;
}

/* The ids of one request that were met, so that one which is in it twice counts once: an open-addressing table. */
struct met {
    uint32_t *places; /* index + 1 of an id; 0: free */
    uint64_t mask;
};

static int met_init(struct met *m, uint32_t count)
{
    uint64_t size = 2;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    m->places = calloc(size, sizeof(*m->places));
    m->mask = size - 1;
    return m->places ? 0 : -ENOMEM;
}

static bool met_before(struct met *m, const struct point_id *ids, uint32_t i)
{
    uint64_t at = point_id_hash(ids[i]) & m->mask; /* ids of one owner differ in the low bits, too */
    for (; m->places[at]; at = (at + 1) & m->mask)
        if (point_id_equal(ids[m->places[at] - 1], ids[i]))
            return true;
    m->places[at] = i + 1;
    return false;
}

/* Only ids that are there get a tombstone. */
static int encode_deletes(struct shard *s, const struct point_id *ids, uint32_t count, struct buffer *out,
                          uint32_t *ret_deleted)
{
    struct met met = {0};
    int rc = buffer_reserve(out, (size_t)count * RECORD_HEADER);
    if (rc == 0)
        rc = met_init(&met, count);
    *ret_deleted = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        fiber_checkpoint();
        const struct id_entry *e = id_map_find(&s->ids, ids[i]);
        if (!e || e->segment == ID_MAP_DELETED || met_before(&met, ids, i))
            continue;
        struct record r = {
            .type = RECORD_DELETE, .collection = s->config.id, .version = s->store->version_next++, .id = ids[i]};
        record_write(&r, out->bytes + out->size);
        out->size += record_extent(0, 0);
        ++*ret_deleted;
    }
    free(met.places);
    return rc;
}

/* Records that are in the log and not visible yet. */
struct unapplied {
    const struct buffer *records;
    size_t at;     /* of the next one */
    uint32_t left; /* how many, from there on */
    uint64_t bound;
};

/* A payload that takes too long to be copied while nothing may wait. It is copied before, with pauses, and the segment
 * takes the copy over. */
struct long_payload {
    struct arena arena;
    const void *bytes; /* NULL: the next record has none */
};

static int prepare_payload(const struct unapplied *u, struct long_payload *ret)
{
    struct record r;
    check(record_read(u->records->bytes + u->at, u->records->size - u->at, &r) > 0); /* we wrote it */
    *ret = (struct long_payload){0};
    if (r.payload_size <= PAYLOAD_AT_ONCE)
        return 0;
    void *copy = arena_alloc(&ret->arena, r.payload_size);
    if (!copy)
        return -ENOMEM;
    fiber_copy(copy, r.payload, r.payload_size);
    ret->bytes = copy;
    return 0;
}

/* Applies max records, for which the id map and the remote_deletes have room, or fewer: up to the second with a long payload.
 * Does not wait: another write would use that room. */
static int apply_some(struct shard *s, struct unapplied *u, uint32_t max, struct remote_deletes *remote_deletes,
                      struct long_payload *first)
{
    struct record r;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < max; i++) {
        size_t n = record_read(u->records->bytes + u->at, u->records->size - u->at, &r);
        check(n > 0);
        if (i > 0 && r.payload_size > PAYLOAD_AT_ONCE)
            break;
        if (i == 0 && first->bytes) {
            r.payload = first->bytes;
            r.owner = &first->arena;
        }
        rc = shard_apply(s, &r, u->bound, remote_deletes);
        if (rc == 0) {
            u->at += n;
            u->left--;
        }
    }
    return rc;
}

static int apply_next(struct shard *s, struct unapplied *u)
{
    const uint32_t values = APPLY_VALUES / shard_vector(s)->dim;
    const uint32_t most = values < 1 ? 1 : values < APPLY_MAX ? values : APPLY_MAX;
    const uint32_t max = u->left < most ? u->left : most;
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
    arena_fini(&payload.arena); /* not taken over: a newer version of the point was there already */
    int told = remote_deletes_send(s->store, &remote_deletes);
    return rc < 0 ? rc : told;
}

/* What is in the log must become visible: the next start would find it, after a deletion was told that there is no such point. So a lack of
 * memory is waited out. */
static int apply_all(struct shard *s, struct unapplied *u)
{
    int rc = 0;
    while (rc == 0 && u->left > 0) {
        rc = apply_next(s, u);
        if (rc == -ENOMEM && !s->gate.closed && !s->store->interrupted) {
            fiber_sleep_ns(MEMORY_RETRY_NS);
            rc = 0;
        }
        fiber_checkpoint();
    }
    return rc;
}

static int stir(struct shard *s, struct error *error)
{
    int rc = shard_make_dirty(s);
    if (disk_failed(rc))
        return read_only_refuse(rc, s->store->dir, error);
    if (rc == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    return rc < 0 ? error_set_errno(error, rc, "the manifest cannot be written, so nothing new is accepted") : 0;
}

static int append(struct shard *s, const struct buffer *records, struct error *error)
{
    struct store *store = s->store;
    int rc = log_append(store->log, records->bytes, records->size, s->config.durability);
    if (disk_failed(rc))
        return read_only_refuse(rc, store->dir, error);
    return rc < 0 ? error_set_errno(error, rc, "the log cannot be written, so nothing new is accepted; searches go on")
                  : 0;
}

static int log_and_apply(struct shard *s, const struct buffer *records, uint32_t count, struct error *error)
{
    struct store *store = s->store;
    if (count == 0)
        return 0;
    struct write_under_way w;
    write_begin(s, &w);
    int rc = stir(s, error);
    if (rc == 0 && (rc = shard_announce_unsealed(s)) < 0)
        error_set_errno(error, rc, "not every core could be told of the write, so it was not begun; send it again");
    if (rc == 0) {
        rc = append(s, records, error);
        store->stats.log_records += count;
    }
    if (rc == 0) {
        rc = apply_all(s, &(struct unapplied){.records = records, .left = count, .bound = w.bound});
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
    struct buffer records = {0};
    uint64_t admitted = 0;
    int rc = gate_enter(&s->gate);
    if (rc < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    rc = check_damage(s, error);
    if (rc == 0 && s->store->read_only)
        rc = read_only_refuse(s->store->read_only, s->store->dir, error);
    if (rc == 0)
        rc = check_vectors(s, batch, error);
    if (rc == 0)
        rc = wait_for_room(s, batch->count, batch->ctx, error);
    if (rc == 0)
        rc = memory_admit(s, batch, &admitted, error);
    if (rc == 0)
        rc = encode_upserts(s, batch, &records, error);
    if (rc == 0 || rc == -ETIME || rc == -ECANCELED)
        rc = check_given_up(batch->ctx, error);
    if (rc == 0)
        rc = log_and_apply(s, &records, batch->count, error);
    memory_written(s->store, admitted);
    buffer_fini_slowly(&records, fiber_pause);
    gate_leave(&s->gate);
    return rc;
}

/* Not even "there is no such point" can be said while the log fails: a write that was refused may be found by the next start. */
static int check_log(const struct shard *s, struct error *error)
{
    int rc = log_failed(s->store->log);
    return rc < 0 ? read_only_refuse(rc, s->store->dir, error) : 0;
}

int shard_delete(struct shard *s, const struct point_id *ids, uint32_t count, uint32_t *ret_deleted,
                 struct error *error)
{
    struct buffer records = {0};
    int rc = gate_enter(&s->gate);
    if (rc < 0)
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' was dropped", s->config.name);
    rc = check_damage(s, error);
    if (rc == 0)
        rc = check_log(s, error);
    if (rc == 0)
        rc = encode_deletes(s, ids, count, &records, ret_deleted);
    if (rc == 0)
        rc = log_and_apply(s, &records, *ret_deleted, error);
    buffer_fini_slowly(&records, fiber_pause);
    gate_leave(&s->gate);
    return rc;
}
