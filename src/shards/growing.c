/* growing.c -- columns in chunks, so that a row never moves and no append copies what is there. Small ones: a collection of few rows has one of each
 * column. */
#include "shards/index_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10) /* of vectors */
#define SHIFT_MIN   2
#define SHIFT_MAX   14

static int column_init(struct rows *r, uint32_t stride, uint8_t shift, uint32_t rows_max)
{
    r->stride = stride;
    r->shift = shift;
    r->chunk = calloc((rows_max >> shift) + 1, sizeof(*r->chunk));
    return r->chunk ? 0 : -ENOMEM;
}

static uint8_t chunk_shift(uint32_t stride, uint32_t rows_max)
{
    uint8_t shift = SHIFT_MAX;
    while (shift > SHIFT_MIN && (((size_t)stride << shift) > CHUNK_BYTES || (rows_max - 1) >> (shift - 1) == 0))
        shift--;
    return shift;
}

uint64_t growing_bytes(const struct segment *s, const struct collection_config *c, uint32_t rows_max, uint32_t more)
{
    const uint32_t stride = rows_stride((size_t)c->dim * sizeof(float));
    const uint8_t shift = s ? s->ids.shift : chunk_shift(stride, rows_max);
    const uint64_t row = sizeof(struct point_id) + sizeof(uint64_t) + stride + sizeof(struct payload_at);
    const uint64_t rows = s ? s->rows : 0, per = (uint64_t)1 << shift;
    const uint64_t have = (rows + per - 1) >> shift, need = (rows + more + per - 1) >> shift;
    return ((need - have) << shift) * row;
}

int growing_create(const struct collection_config *c, uint32_t rows_max, struct segment **ret)
{
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    uint32_t stride = rows_stride((size_t)c->dim * sizeof(float));
    uint8_t shift = chunk_shift(stride, rows_max);
    s->rows_max = rows_max;
    s->searched = true;
    s->log_first = s->version_min = UINT64_MAX;
    s->created_ns = clock_now_ns();
    s->alive = calloc(bits_words(rows_max), sizeof(uint64_t));
    int rc = s->alive ? 0 : -ENOMEM;
    if (rc == 0)
        rc = column_init(&s->ids, sizeof(struct point_id), shift, rows_max);
    if (rc == 0)
        rc = column_init(&s->versions, sizeof(uint64_t), shift, rows_max);
    if (rc == 0)
        rc = column_init(&s->vectors, stride, shift, rows_max);
    if (rc == 0)
        rc = column_init(&s->payloads, sizeof(struct payload_at), shift, rows_max);
    index_plan_begin(&s->plan, c, rows_max);
    if (rc == 0)
        rc = segment_index_create(c->metric, c->dim, &s->plan.options, &s->index);
    if (rc < 0) {
        segment_destroy(s);
        return rc;
    }
    *ret = s;
    return 0;
}

/* Where row's value goes; its chunk is made when its first row comes. */
static void *place(struct segment *s, struct rows *r, uint32_t row)
{
    uint8_t **chunk = &r->chunk[row >> r->shift];
    if (!*chunk) {
        size_t bytes = (size_t)r->stride << r->shift;
        *chunk = memory_aligned(bytes);
        if (!*chunk)
            return NULL;
        s->memory_bytes += bytes;
    }
    return (void *)rows_at(r, row);
}

int64_t growing_append(struct segment *s, const struct collection_config *c, struct point_id id, uint64_t version,
                       const void *vector, const void *payload, uint32_t payload_size)
{
    if (s->rows == s->rows_max)
        return -ENOSPC;
    struct point_id *to_id = place(s, &s->ids, s->rows);
    uint64_t *to_version = place(s, &s->versions, s->rows);
    float *to_vector = place(s, &s->vectors, s->rows);
    struct payload_at *to_payload = place(s, &s->payloads, s->rows);
    const char *copy = payload_size ? arena_copy(&s->arena, payload, payload_size) : "";
    if (!to_id || !to_version || !to_vector || !to_payload || !copy)
        return -ENOMEM;
    *to_id = id;
    *to_version = version;
    memcpy(to_vector, vector, c->dim * sizeof(float));
    *to_payload = (struct payload_at){(const uint8_t *)copy, payload_size};
    bits_set(s->alive, s->rows);
    s->payload_size += payload_size;
    if (version < s->version_min)
        s->version_min = version;
    if (version > s->version_max)
        s->version_max = version;
    segment_index_append(s->index, &s->vectors, s->rows);
    return s->rows++;
}

int growing_add_tombstone(struct segment *s, struct point_id id, uint64_t version)
{
    if (s->tombstone_count == s->tombstone_capacity) {
        uint32_t capacity = s->tombstone_capacity ? s->tombstone_capacity * 2 : 16;
        struct tombstone *grown = realloc(s->tombstones, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->tombstones = grown;
        s->tombstone_capacity = capacity;
    }
    s->tombstones[s->tombstone_count++] = (struct tombstone){id, version};
    if (version > s->version_max)
        s->version_max = version;
    return 0;
}
