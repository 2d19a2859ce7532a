/* growing.c -- the values of rows in chunks. The first chunk begins with a few rows, and is
 * replaced by one of twice the size until it is a whole chunk. Then other chunks are added. So a
 * collection of few rows takes few bytes, and no append copies more than half a chunk.
 *
 * Searches and builds keep pointers to rows, and copies of `struct rows`, across pauses. Both stay
 * valid. A first chunk that was replaced is kept until the segment ends. Its rows never change, and
 * all such chunks together are no larger than the chunk in use. Until the first chunk is whole, its
 * pointer lies in the segment and is changed there. The table of chunks that comes later begins
 * with the same pointer. */
#include "shards/segment/index_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10) /* bytes of vectors in a chunk, at most */
#define SHIFT_MIN   2
#define SHIFT_MAX   14
#define ROWS_FIRST  4   /* rows in the smallest first chunk */
#define BLOCK_FIRST 256 /* bytes of the first block of payloads */

#define VALUES 4 /* values of a row: id, version, vector, address of the payload */

static struct row_values *values(struct segment *s, unsigned i)
{
    struct row_values *const all[VALUES] = {&s->rows.ids, &s->rows.versions, &s->vectors[0].values, &s->payloads.at};
    return all[i];
}

static uint8_t chunk_shift(uint32_t stride, uint32_t rows_max)
{
    uint8_t shift = SHIFT_MAX;
    while (shift > SHIFT_MIN && (((size_t)stride << shift) > CHUNK_BYTES || (rows_max - 1) >> (shift - 1) == 0))
        shift--;
    return shift;
}

/* How many rows have room in a segment that must have room for `rows`. */
static uint64_t room_for(uint64_t rows, uint8_t shift)
{
    const uint64_t whole = (uint64_t)1 << shift;
    uint64_t room = ROWS_FIRST;
    if (rows == 0)
        return 0;
    if (rows > whole)
        return (rows + whole - 1) >> shift << shift;
    while (room < rows)
        room *= 2;
    return room;
}

/* The rows of all chunks of one value with that room, together with the first
 * chunks that were replaced. */
static uint64_t allocated_rows(uint64_t room, uint8_t shift)
{
    const uint64_t whole = (uint64_t)1 << shift, first = room < whole ? room : whole;
    return room == 0 ? 0 : first + (first - ROWS_FIRST) + (room - first);
}

static uint64_t table_bytes(uint32_t rows_max, uint8_t shift)
{
    return ((rows_max >> shift) + 1) * sizeof(uint8_t *);
}

uint64_t growing_bytes(const struct segment *s, const struct collection_config *c, uint32_t rows_max, uint32_t more)
{
    const uint32_t stride = vector_stride(collection_vector(c));
    const uint8_t shift = s ? s->rows.ids.at.shift : chunk_shift(stride, rows_max);
    const uint64_t row = sizeof(struct point_id) + sizeof(uint64_t) + stride + sizeof(struct payload_at);
    const uint64_t rows = (uint64_t)(s ? s->rows.count : 0) + more, have = s ? s->rows.room : 0;
    const uint64_t need = room_for(rows, shift), room = need > have ? need : have;
    const bool table = rows >> shift != 0 && have <= (uint64_t)1 << shift;
    const uint64_t outgrown = have < (uint64_t)1 << shift ? shift * VALUES * sizeof(struct outgrown) : 0;
    return (allocated_rows(room, shift) - allocated_rows(have, shift)) * row +
           bits_words(room - have) * sizeof(uint64_t) + outgrown + (table ? VALUES * table_bytes(rows_max, shift) : 0) +
           segment_columns_growth(s, c->schema, more);
}

static void values_init(struct row_values *v, uint32_t stride, uint8_t shift)
{
    v->at = (struct rows){&v->single, stride, shift};
}

int growing_create(const struct collection_config *c, uint32_t rows_max, struct segment **ret)
{
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    const uint32_t strides[VALUES] = {sizeof(struct point_id), sizeof(uint64_t), vector_stride(collection_vector(c)),
                                      sizeof(struct payload_at)};
    const uint8_t shift = chunk_shift(strides[2], rows_max);
    for (unsigned i = 0; i < VALUES; i++)
        values_init(values(s, i), strides[i], shift);
    s->rows.max = rows_max;
    s->searched = true;
    s->log.first = s->rows.version_min = UINT64_MAX;
    s->created_ns = clock_now_ns();
    s->payloads.arena.first = BLOCK_FIRST;
    index_plan_begin(&s->vectors[0].plan, c, rows_max);
    int rc = segment_index_create(collection_vector(c)->metric, collection_vector(c)->dim, &s->vectors[0].plan.options,
                                  &s->vectors[0].index);
    if (rc < 0) {
        segment_destroy(s);
        return rc;
    }
    segment_columns_begin(s, c->schema);
    *ret = s;
    return 0;
}

/* -- room -- */

static int chunk_create(struct segment *s, struct rows *r, uint32_t chunk, uint32_t rows)
{
    const size_t bytes = (size_t)r->stride * rows;
    uint8_t *p = memory_aligned(bytes);
    if (!p)
        return -ENOMEM;
    r->chunk[chunk] = p;
    s->memory_bytes += bytes;
    return 0;
}

/* Replaces the first chunk by a larger one. The old one is kept, because
 * searches may still read it. */
static int first_grow(struct segment *s, struct rows *r, uint32_t rows)
{
    uint8_t *old = *r->chunk;
    if (!old)
        return chunk_create(s, r, 0, rows);
    struct outgrown *o = malloc(sizeof(*o));
    int rc = o ? chunk_create(s, r, 0, rows) : -ENOMEM;
    if (rc < 0) {
        free(o);
        return rc;
    }
    memcpy(*r->chunk, old, (size_t)r->stride * s->rows.room);
    *o = (struct outgrown){s->rows.outgrown, old};
    s->rows.outgrown = o;
    s->memory_bytes += sizeof(*o);
    return 0;
}

static int table_create(struct segment *s, struct rows *r)
{
    const uint64_t bytes = table_bytes(s->rows.max, r->shift);
    uint8_t **table = calloc(1, bytes);
    if (!table)
        return -ENOMEM;
    table[0] = *r->chunk;
    r->chunk = table;
    s->memory_bytes += bytes;
    return 0;
}

/* Makes room for `rows` rows. A value keeps its new room when another value gets none. */
static int values_grow(struct segment *s, struct row_values *v, uint32_t rows)
{
    struct rows *r = &v->at;
    const uint32_t whole = (uint32_t)1 << r->shift, chunk = (rows - 1) >> r->shift;
    int rc = 0;
    if (rows <= v->room)
        return 0;
    if (chunk > 0 && r->chunk == &v->single)
        rc = table_create(s, r);
    if (rc == 0)
        rc = chunk > 0 ? chunk_create(s, r, chunk, whole) : first_grow(s, r, rows);
    if (rc == 0)
        v->room = rows;
    return rc;
}

static int alive_grow(struct segment *s, uint32_t rows)
{
    const uint32_t words = (uint32_t)bits_words(rows), have = s->rows.alive_words;
    if (words <= have)
        return 0;
    const uint32_t most = (uint32_t)bits_words(s->rows.max), wanted = words > have * 2 ? words : have * 2;
    const uint32_t grown = wanted < most ? wanted : most;
    uint64_t *alive = realloc(s->rows.alive, grown * sizeof(*alive));
    if (!alive)
        return -ENOMEM;
    memset(alive + have, 0, (grown - have) * sizeof(*alive));
    s->rows.alive = alive;
    s->rows.alive_words = grown;
    segment_index_lend_alive(s->vectors[0].index, alive);
    return 0;
}

/* Makes room for one more row. */
static int grow(struct segment *s)
{
    const uint32_t room = (uint32_t)room_for((uint64_t)s->rows.count + 1, s->rows.ids.at.shift);
    int rc = alive_grow(s, s->rows.count + 1);
    for (unsigned i = 0; rc == 0 && i < VALUES; i++)
        rc = values_grow(s, values(s, i), room);
    if (rc == 0)
        s->rows.room = room;
    return rc;
}

static void *place(const struct rows *r, uint32_t row)
{
    return (void *)rows_at(r, row);
}

int64_t growing_append(struct segment *s, const struct collection_config *c, struct point_id id, uint64_t version,
                       const void *vector, const void *payload, uint32_t payload_size, struct arena *owner)
{
    if (s->rows.count == s->rows.max)
        return -ENOSPC;
    const char *copy = !payload_size ? "" : owner ? payload : arena_copy(&s->payloads.arena, payload, payload_size);
    if (!copy || (s->rows.count == s->rows.room && grow(s) < 0))
        return -ENOMEM;
    if (owner)
        arena_adopt(&s->payloads.arena, owner);
    *(struct point_id *)place(&s->rows.ids.at, s->rows.count) = id;
    *(uint64_t *)place(&s->rows.versions.at, s->rows.count) = version;
    memcpy(place(&s->vectors[0].values.at, s->rows.count), vector, vector_bytes(collection_vector(c)));
    *(struct payload_at *)place(&s->payloads.at.at, s->rows.count) =
        (struct payload_at){(const uint8_t *)copy, payload_size};
    bits_set(s->rows.alive, s->rows.count);
    s->payloads.size += payload_size;
    if (version < s->rows.version_min)
        s->rows.version_min = version;
    if (version > s->rows.version_max)
        s->rows.version_max = version;
    segment_columns_append(s, copy, payload_size);
    segment_index_append(s->vectors[0].index, &s->vectors[0].values.at, s->rows.count);
    return s->rows.count++;
}

int growing_add_tombstone(struct segment *s, struct point_id id, uint64_t version)
{
    if (s->tombstones.count == s->tombstones.capacity) {
        uint32_t capacity = s->tombstones.capacity ? s->tombstones.capacity * 2 : 16;
        struct tombstone *grown = realloc(s->tombstones.items, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->tombstones.items = grown;
        s->tombstones.capacity = capacity;
    }
    s->tombstones.items[s->tombstones.count++] = (struct tombstone){id, version};
    if (version > s->rows.version_max)
        s->rows.version_max = version;
    return 0;
}
