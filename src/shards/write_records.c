/* write_records.c -- each record is made twice: for the log, and when it becomes visible. That
 * costs less than keeping it. Only two kinds of bytes are copied: vectors that cosine normalises,
 * and short parts (record.h). */
#include "shards/write_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t row_bytes(const struct write_records *w)
{
    return vector_bytes(shard_vector(w->shard));
}

static const float *vector_at(const struct write_records *w, uint32_t i)
{
    const size_t dim = shard_vector(w->shard)->dim;
    return w->normalised ? w->normalised + i * dim : w->batch->vectors + point_batch_at(w->batch, i) * dim;
}

static int normalise(struct write_records *w)
{
    float *to = malloc(w->count * row_bytes(w));
    if (!to)
        return -ENOMEM;
    for (uint32_t i = 0; i < w->count; i++) {
        const size_t dim = shard_vector(w->shard)->dim;
        memcpy(to + i * dim, vector_at(w, i), row_bytes(w));
        /* point_batch_check() refuses others */
        check(vectors_normalise(to + i * dim, (uint32_t)dim));
        fiber_checkpoint();
    }
    w->normalised = to;
    return 0;
}

static void take_versions(struct write_records *w, struct shard *s)
{
    w->version = s->store->version_next;
    s->store->version_next += w->count;
}

int write_records_begin(struct write_records *w, struct shard *s, const struct point_batch *batch)
{
    *w = (struct write_records){.shard = s, .batch = batch, .count = batch->count};
    take_versions(w, s);
    return shard_vector(s)->metric == METRIC_COSINE ? normalise(w) : 0;
}

void write_records_begin_deletes(struct write_records *w, struct shard *s, const struct point_id *ids, uint32_t count)
{
    *w = (struct write_records){.shard = s, .ids = ids, .count = count};
    take_versions(w, s);
}

void write_records_at(const struct write_records *w, uint32_t i, struct record_part parts[WRITE_PARTS],
                      struct record *r)
{
    const struct point_batch *b = w->batch;
    *r = (struct record){.type = b ? RECORD_UPSERT : RECORD_DELETE,
                         .collection = w->shard->config.id,
                         .version = w->version + i,
                         .id = b ? b->ids[point_batch_at(b, i)] : w->ids[i],
                         .parts = parts};
    if (!b)
        return;
    parts[r->part_count++] =
        (struct record_part){RECORD_VECTOR, shard_vector(w->shard)->number, (uint32_t)row_bytes(w), vector_at(w, i)};
    const uint32_t payload = point_batch_payload_size(b, i);
    if (payload)
        parts[r->part_count++] =
            (struct record_part){.kind = RECORD_PAYLOAD, .size = payload, .bytes = b->payloads[point_batch_at(b, i)]};
}

int write_records_list(const struct write_records *w, struct record_list *ret)
{
    struct record_part parts[WRITE_PARTS];
    struct record r;
    struct record_room room = {0};
    for (uint32_t i = 0; i < w->count; i++) {
        write_records_at(w, i, parts, &r);
        record_room_add(&room, &r);
        fiber_checkpoint();
    }
    int rc = record_list_init(ret, &room);
    for (uint32_t i = 0; rc == 0 && i < w->count; i++) {
        write_records_at(w, i, parts, &r);
        record_list_add(ret, &r);
        fiber_checkpoint();
    }
    return rc;
}

void write_records_end(struct write_records *w)
{
    if (w->normalised && w->count * row_bytes(w) >= (size_t)1 << 20)
        memory_discard(w->normalised, w->count * row_bytes(w), fiber_pause);
    free(w->normalised);
    w->normalised = NULL;
}
