/* log_again.c -- small growing segments stay in the log. A file for each of 100 000 small
 * collections would be 100 000 files to open at a start, each larger than its rows. So when the log
 * has grown long, the rows and tombstones of small segments at its old end are appended again, with
 * the versions that they have. Then the old end is not needed any more. The version decides at a
 * replay, so a crash at any moment loses nothing and doubles nothing.
 *
 * Small segments that together have much of what the log may hold would be appended again and
 * again. They are sealed instead. */
#include "shards/log/record.h"
#include "shards/memory.h"
#include "shards/shard.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#define SHARDS_MAX 1024 /* in one step */

static uint64_t bytes_of(const struct shard *s, const struct segment *g)
{
    const uint64_t row = RECORD_HEADER + 2 * RECORD_PART_HEADER + vector_bytes(shard_vector(s));
    return g->rows.count * row + g->payloads.arena.used + (uint64_t)g->tombstones.count * RECORD_HEADER;
}

/* A growing segment with more than this part of growing_bytes_max is worth a file. */
#define SHARE_MIN 64

bool shard_stays_in_log(const struct shard *s)
{
    const struct segment *g = s->growing;
    return g && segment_is_small(g) && bytes_of(s, g) <= s->store->options.growing_bytes_max / SHARE_MIN;
}

struct again {
    struct shard *shard;     /* this fiber is inside its gate */
    struct segment *segment; /* held */
};

/* Holds the small segments that need the log before `position`, up to SHARDS_MAX of them.
 * *ret_bytes: the bytes of all small segments. */
static uint32_t gather(struct store *store, uint64_t position, struct again *ret, uint64_t *ret_bytes)
{
    uint32_t count = 0;
    *ret_bytes = 0;
    for (struct shard *s = store->shards; s; s = s->next) {
        struct segment *g = s->growing;
        if (!shard_stays_in_log(s))
            continue;
        *ret_bytes += bytes_of(s, g);
        if (count < SHARDS_MAX && g->log.first < position && !s->damage.code && !s->dropped &&
            gate_enter(&s->gate) == 0) {
            segment_hold(g);
            ret[count++] = (struct again){s, g};
        }
    }
    return count;
}

static void row_record(const struct shard *s, const struct segment *g, uint32_t row, struct record_part parts[2],
                       struct record *r)
{
    const struct payload_at payload = segment_payload_at(g, row);
    *r = (struct record){.type = RECORD_UPSERT,
                         .collection = s->config.id,
                         .version = segment_version_at(g, row),
                         .id = segment_id_at(g, row),
                         .parts = parts,
                         .part_count = payload.size ? 2 : 1};
    const struct vector_spec *v = shard_vector(s);
    parts[0] = (struct record_part){RECORD_VECTOR, v->number, (uint32_t)vector_bytes(v),
                                    rows_at(&g->vectors[0].values.at, row)};
    parts[1] = (struct record_part){.kind = RECORD_PAYLOAD, .size = (uint32_t)payload.size, .bytes = payload.bytes};
}

static struct record tombstone_record(const struct shard *s, const struct tombstone *t)
{
    return (struct record){.type = RECORD_DELETE, .collection = s->config.id, .version = t->version, .id = t->id};
}

/* Without a list: counts into room what the records take. With a list: adds the records to it. Does
 * not pause, so that two calls without a wait in between see the same rows. */
static void each_record(const struct shard *s, const struct segment *g, struct record_room *room,
                        struct record_list *list)
{
    struct record_part parts[2];
    struct record r;
    for (uint32_t i = 0; i < g->rows.count + g->tombstones.count; i++) {
        if (i >= g->rows.count)
            r = tombstone_record(s, &g->tombstones.items[i - g->rows.count]);
        else if (bits_test(g->rows.alive, i))
            row_record(s, g, i, parts, &r);
        else
            continue;
        if (list)
            record_list_add(list, &r);
        else
            record_room_add(room, &r);
    }
}

/* Appends the segment's records to the log again, without a flush. */
static int append(const struct shard *s, const struct segment *g)
{
    struct record_list list;
    struct record_room room = {0};
    each_record(s, g, &room, NULL);
    if (room.slices == 0)
        return 0;
    int rc = record_list_init(&list, &room);
    if (rc < 0)
        return rc;
    each_record(s, g, NULL, &list);
    rc = log_append(s->store->log, list.slices, list.count, DURABILITY_NONE);
    record_list_fini(&list, fiber_pause);
    return rc;
}

/* No write under way has a record before this position, and no later write has one. */
static uint64_t bound_of(const struct store *store)
{
    uint64_t bound = log_durable(store->log);
    for (const struct write_under_way *w = store->writes; w; w = w->next)
        bound = w->bound < bound ? w->bound : bound;
    return bound;
}

static int commit(struct store *store)
{
    const struct manifest_edit edit = {
        .epoch = store->epoch, .reactor = store->options.reactor, .log_start = store_log_needed(store, NULL)};
    int rc = store->options.hooks.commit(&edit, store->options.hooks.arg);
    if (rc == 0 && edit.log_start > store->log_start) {
        store->log_start = edit.log_start;
        store_free_log(store);
    }
    store->log_needed = edit.log_start;
    return rc;
}

/* Appends all the segments to the log again. Then they do not need the log before `bound`. */
static int append_all(struct store *store, const struct again *again, uint32_t count)
{
    const uint64_t bound = bound_of(store);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = append(again[i].shard, again[i].segment);
        fiber_checkpoint();
    }
    if (rc == 0)
        rc = log_flush(store->log);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        if (again[i].segment->log.first < bound)
            again[i].segment->log.first = bound;
    return rc;
}

void log_let_go(struct store *store)
{
    const uint64_t needed = store_log_needed(store, NULL);
    const uint64_t worth = store->read_only ? 1 : store->options.log_file_bytes;
    if (needed >= store->log_start + worth && store->replayed)
        ignore_result(commit(store)); /* if it fails, the next seal commits it */
}

bool log_again(struct store *store, uint64_t position, uint64_t bytes_max)
{
    struct again *again = store->read_only ? NULL : malloc(SHARDS_MAX * sizeof(*again));
    uint64_t bytes;
    if (!again)
        return true; /* tried again later */
    const uint32_t count = gather(store, position, again, &bytes);
    int rc = bytes > bytes_max || count == 0 ? -EAGAIN : append_all(store, again, count);
    for (uint32_t i = 0; i < count; i++) {
        segment_let_go(again[i].segment);
        gate_leave(&again[i].shard->gate);
    }
    free(again);
    if (rc == 0)
        ignore_result(commit(store)); /* if it fails, the next seal commits it */
    return bytes <= bytes_max;
}
