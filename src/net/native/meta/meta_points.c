/* meta_points.c -- reads a message in two passes. The first counts and checks, so that nothing is
 * allocated for a refused request; the second fills the arrays.
 *
 * In protobuf, a repeated field may come packed or one by one, in any mixture, and a message field
 * may come in several pieces that are merged. Here pieces are simply appended. */
#include "net/native/meta/meta_points.h"
#include "net/native/meta/meta.h"
#include "net/native/meta/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Field numbers of the messages (kith.proto). */
enum { FIELD_COLLECTION = 1, FIELD_IDS = 2 };
enum { GET_VECTORS = 3, GET_PAYLOADS = 4 };
enum { UPSERT_PAYLOADS = 3, UPSERT_SIZES = 4, UPSERT_FIRST_ROW = 5 };
enum { IDS_NUMBERS = 1, IDS_UUIDS = 2 };

#define NUMBER_BYTES 8
#define UUID_BYTES   16
#define STEPS        1024 /* ids between two checkpoints */

static const char *const names[] = {[META_UPSERT] = "Upsert", [META_DELETE] = "Delete", [META_GET] = "Get"};

struct reading {
    struct request *rq;
    enum meta_points_kind kind;
    struct meta_points_ask *ask;
    uint64_t numbers, uuids, sizes; /* counted in the first pass */
    struct point_id *ids;           /* NULL in the first pass */
    uint32_t *payload_sizes;
    uint64_t id_at, size_at; /* next places in the second pass */
};

/* A checkpoint, except in the fuzzer, which reads outside of any fiber. */
static void pause_fiber(void)
{
    if (fiber_self())
        fiber_checkpoint();
}

static struct point_id id_of_number(uint64_t number)
{
    return (struct point_id){0, number};
}

static struct point_id id_of_uuid(const uint8_t *bytes)
{
    struct point_id id = {0, 0};
    for (int i = 0; i < 8; i++) {
        id.hi = id.hi << 8 | bytes[i];
        id.lo = id.lo << 8 | bytes[8 + i];
    }
    return point_id_swap(id);
}

/* -- ids -- */

static void numbers_take(struct reading *g, const uint8_t *bytes, size_t count)
{
    if (!g->ids) {
        g->numbers += count;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, bytes + NUMBER_BYTES * i, sizeof(number));
        g->ids[g->id_at++] = id_of_number(number);
        if (i % STEPS == 0)
            pause_fiber();
    }
}

static void uuids_take(struct reading *g, const uint8_t *bytes, size_t count)
{
    if (!g->ids) {
        g->uuids += count;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        g->ids[g->id_at++] = id_of_uuid(bytes + UUID_BYTES * i);
        if (i % STEPS == 0)
            pause_fiber();
    }
}

static int ids_take(struct reading *g, const struct wire_field *message)
{
    struct wire w = wire_of(message->bytes, message->size);
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&w, &f)) > 0) {
        if (f.number == IDS_NUMBERS && f.type == WIRE_FIXED64) {
            numbers_take(g, (const uint8_t *)&f.value, 1);
        } else if (f.number == IDS_NUMBERS && f.type == WIRE_BYTES) {
            if (f.size % NUMBER_BYTES)
                return -EPROTO;
            numbers_take(g, f.bytes, f.size / NUMBER_BYTES);
        } else if (f.number == IDS_UUIDS && f.type == WIRE_BYTES) {
            if (f.size % UUID_BYTES)
                return error_set(&g->rq->error, ERROR_INVALID_ARGUMENT,
                                 "the UUIDs have %zu bytes, which is not a multiple of 16", f.size);
            uuids_take(g, f.bytes, f.size / UUID_BYTES);
        }
        pause_fiber();
    }
    return rc;
}

/* -- other fields -- */

static int collection_take(struct reading *g, const struct wire_field *f)
{
    if (f->size >= COLLECTION_NAME_MAX)
        return error_set(&g->rq->error, ERROR_INVALID_ARGUMENT,
                         "the collection's name has %zu characters; at most %d are allowed", f->size,
                         COLLECTION_NAME_MAX - 1);
    int rc = meta_text_check(g->rq, "collection", f->bytes, f->size);
    if (rc < 0)
        return rc;
    g->ask->collection = arena_copy(&g->rq->arena, f->bytes, f->size);
    return g->ask->collection ? 0 : request_error(g->rq, -ENOMEM, "request");
}

static int size_take(struct reading *g, uint64_t size)
{
    if (!g->payload_sizes) {
        g->sizes++;
        return meta_number_check(g->rq, "payload_sizes", size);
    }
    g->payload_sizes[g->size_at++] = (uint32_t)size;
    return 0;
}

static int sizes_take(struct reading *g, const struct wire_field *f)
{
    struct wire w = wire_of(f->bytes, f->size);
    uint64_t value, n = 0;
    int rc;
    while ((rc = wire_next_varint(&w, &value)) > 0) {
        rc = size_take(g, value);
        if (rc < 0)
            break;
        if (n++ % STEPS == 0)
            pause_fiber();
    }
    return rc;
}

static int upsert_take(struct reading *g, const struct wire_field *f)
{
    if (f->number == UPSERT_PAYLOADS && f->type == WIRE_BYTES) {
        g->ask->payloads.data = f->bytes;
        g->ask->payloads.bytes = f->size;
    } else if (f->number == UPSERT_SIZES && f->type == WIRE_BYTES) {
        return sizes_take(g, f);
    } else if (f->number == UPSERT_SIZES && f->type == WIRE_VARINT) {
        return size_take(g, f->value);
    } else if (f->number == UPSERT_FIRST_ROW && f->type == WIRE_VARINT) {
        g->ask->first_row = f->value;
    }
    return 0;
}

static void get_take(struct reading *g, const struct wire_field *f)
{
    if (f->number == GET_VECTORS && f->type == WIRE_VARINT)
        g->ask->select.vectors = f->value != 0;
    if (f->number == GET_PAYLOADS && f->type == WIRE_VARINT)
        g->ask->select.payloads = f->value != 0;
}

static int field_take(struct reading *g, const struct wire_field *f)
{
    if (f->number == FIELD_COLLECTION && f->type == WIRE_BYTES)
        return g->ids ? 0 : collection_take(g, f);
    if (f->number == FIELD_IDS && f->type == WIRE_BYTES)
        return ids_take(g, f);
    if (g->kind == META_UPSERT)
        return upsert_take(g, f);
    if (g->kind == META_GET)
        get_take(g, f);
    return 0;
}

/* -- passes -- */

static int pass(struct reading *g, const uint8_t *meta, size_t n)
{
    struct wire w = wire_of(meta, n);
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&w, &f)) > 0) {
        rc = field_take(g, &f);
        if (rc < 0)
            break;
        pause_fiber();
    }
    return rc == -EPROTO && g->rq->error.code == ERROR_OK ? meta_refuse(g->rq, names[g->kind]) : rc;
}

static int judge(struct reading *g)
{
    struct error *e = &g->rq->error;
    if (g->numbers > 0 && g->uuids > 0)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "one request has ids that are numbers and ids that are UUIDs; send two requests");
    g->ask->count = g->numbers + g->uuids;
    if (g->ask->count > WRITE_POINTS_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "%" PRIu64 " ids are more than one request may have (%u); send several requests",
                         g->ask->count, WRITE_POINTS_MAX);
    g->ask->payloads.size_count = g->sizes;
    return 0;
}

static int room_make(struct reading *g)
{
    struct arena *arena = g->ask->count > 4096 ? &g->rq->bulk : &g->rq->arena;
    g->ids = arena_alloc(arena, (g->ask->count + 1) * sizeof(*g->ids));
    if (g->sizes > 0)
        g->payload_sizes = arena_alloc(arena, g->sizes * sizeof(*g->payload_sizes));
    if (!g->ids || (g->sizes > 0 && !g->payload_sizes))
        return request_error(g->rq, -ENOMEM, "request");
    g->ask->ids = g->ids;
    g->ask->payloads.sizes = g->payload_sizes;
    return 0;
}

int meta_points_read(struct request *rq, enum meta_points_kind kind, const uint8_t *meta, size_t n,
                     struct meta_points_ask *ret)
{
    *ret = (struct meta_points_ask){.collection = ""};
    struct reading g = {.rq = rq, .kind = kind, .ask = ret};
    int rc = pass(&g, meta, n);
    if (rc == 0)
        rc = judge(&g);
    if (rc == 0)
        rc = room_make(&g);
    return rc == 0 ? pass(&g, meta, n) : rc;
}
