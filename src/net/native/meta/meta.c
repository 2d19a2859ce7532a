/* meta.c -- converts metas. Messages are unpacked into an arena, because protobuf-c allocates and
 * frees many small pieces, and in an arena each costs a few instructions. */
#include "net/native/meta/meta.h"
#include "base/text/utf8.h"
#include "index/kind.h"
#include "net/native/meta/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void *allocate(void *data, size_t size)
{
    struct request *rq = data;
    void *p = arena_alloc(&rq->arena, size);
    if (!p)
        ignore_result(request_error(rq, -ENOMEM, "request"));
    return p;
}

static void release(void *data, void *p)
{
}

ProtobufCAllocator meta_allocator(struct request *rq)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = rq};
}

int meta_text_check(struct request *rq, const char *field, const void *text, size_t size)
{
    if (memchr(text, 0, size))
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the field \"%s\" of the request has a NUL byte, which no text may have", field);
    if (!utf8_is_valid(text, size))
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "the field \"%s\" of the request is not UTF-8", field);
    return 0;
}

int meta_number_check(struct request *rq, const char *field, uint64_t value)
{
    if (value <= UINT32_MAX)
        return 0;
    return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                     "the field \"%s\" of the request is %" PRIu64 "; it may be at most %" PRIu32, field, value,
                     UINT32_MAX);
}

static int fields_check(struct request *rq, const ProtobufCMessageDescriptor *type, const void *meta, size_t n);

/* Refuses values that protobuf-c would change: it cuts a number to 32 bits, and a C string ends at
 * the first NUL byte. */
static int field_check(struct request *rq, const ProtobufCFieldDescriptor *d, const struct wire_field *f)
{
    if (f->type == WIRE_VARINT && d->type == PROTOBUF_C_TYPE_UINT32)
        return meta_number_check(rq, d->name, f->value);
    if (f->type == WIRE_BYTES && d->type == PROTOBUF_C_TYPE_STRING)
        return meta_text_check(rq, d->name, f->bytes, f->size);
    if (f->type == WIRE_BYTES && d->type == PROTOBUF_C_TYPE_MESSAGE)
        return fields_check(rq, d->descriptor, f->bytes, f->size);
    return 0;
}

/* Checks all fields of a message. Malformed bytes are left for protobuf-c to refuse. The recursion
 * ends, because no request type contains itself. */
static int fields_check(struct request *rq, const ProtobufCMessageDescriptor *type, const void *meta, size_t n)
{
    struct wire w = wire_of(meta, n);
    struct wire_field f;
    int rc = 0;
    while (rc == 0 && wire_next(&w, &f) > 0) {
        const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(type, f.number);
        rc = d ? field_check(rq, d, &f) : 0;
    }
    return rc;
}

void *meta_unpack(struct request *rq, const ProtobufCMessageDescriptor *type, const void *meta, size_t n)
{
    ProtobufCAllocator allocator = meta_allocator(rq);
    return fields_check(rq, type, meta, n) < 0 ? NULL : protobuf_c_message_unpack(type, &allocator, n, meta);
}

int meta_refuse(struct request *rq, const char *name)
{
    /* rq->error is set already: memory was missing, or a text is invalid */
    if (rq->error.code != ERROR_OK)
        return -ENOMEM;
    return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "the meta of the frame is not a %s message", name);
}

static void segment_init(Kith__Segment *ret, const struct segment_info *from)
{
    kith__segment__init(ret);
    ret->id = from->id;
    ret->reactor = from->reactor;
    ret->state = from->state == SEGMENT_SEALED   ? KITH__SEGMENT_STATE__SEGMENT_STATE_SEALED
                 : from->state == SEGMENT_FROZEN ? KITH__SEGMENT_STATE__SEGMENT_STATE_FROZEN
                                                 : KITH__SEGMENT_STATE__SEGMENT_STATE_GROWING;
    ret->merging = from->merging;
    ret->rows = from->rows;
    ret->deleted_rows = from->deleted_rows;
    ret->tombstones = from->tombstones;
    ret->vector_bytes = from->vector_bytes;
    ret->payload_bytes = from->payload_bytes;
    ret->index_bytes = from->index_bytes;
    ret->memory_bytes = from->memory_bytes;
    ret->disk_bytes = from->disk_bytes;
    ret->m = from->index.m;
    ret->ef_construct = from->index.ef_construct;
    ret->code = (Kith__Code)from->index.code;
    ret->code_bits = from->index.code_bits;
    ret->refine = (Kith__Refine)from->index.refine;
    ret->refine_k = from->index.refine_k;
    ret->links = (Kith__Links)from->index.links;
    /* protobuf-c only reads them */
    ret->index = (char *)(uintptr_t)(from->index.kind ? index_kind_of(from->index.kind)->name : "");
    ret->why = (char *)(uintptr_t)from->why.text;
}

static void rung_init(Kith__RecallRung *ret, const struct recall_rung *from)
{
    kith__recall_rung__init(ret);
    ret->ef = from->ef;
    ret->recall = from->recall;
    ret->floor = from->floor;
    ret->distances = from->distances;
}

static int ladder_init(struct request *rq, const struct recall_ladder *from, Kith__RecallRung ***ret, size_t *ret_count)
{
    Kith__RecallRung *rungs = arena_alloc(&rq->bulk, (from->count + 1) * sizeof(*rungs));
    *ret = arena_alloc(&rq->bulk, (from->count + 1) * sizeof(**ret));
    if (!rungs || !*ret)
        return -ENOMEM;
    for (uint32_t i = 0; i < from->count; i++) {
        rung_init(&rungs[i], &from->rung[i]);
        (*ret)[i] = &rungs[i];
    }
    *ret_count = from->count;
    return 0;
}

static int curve_init(struct request *rq, const struct recall_curve *from, Kith__Segment *ret)
{
    int rc = ladder_init(rq, &from->of[0], &ret->recall_10, &ret->n_recall_10);
    if (rc == 0)
        rc = ladder_init(rq, &from->of[1], &ret->recall_100, &ret->n_recall_100);
    if (rc == 0)
        rc = ladder_init(rq, &from->early, &ret->recall_10_early, &ret->n_recall_10_early);
    if (rc < 0 || from->scan.ef == 0)
        return rc;
    ret->recall_scan = arena_alloc(&rq->bulk, sizeof(*ret->recall_scan));
    if (!ret->recall_scan)
        return -ENOMEM;
    rung_init(ret->recall_scan, &from->scan);
    return 0;
}

int meta_segments(struct request *rq, const struct router_segments *from, Kith__Segment **ret)
{
    *ret = arena_alloc(&rq->bulk, (from->count ? from->count : 1) * sizeof(**ret));
    if (!*ret)
        return -ENOMEM;
    for (size_t i = 0; i < from->count; i++) {
        segment_init(&(*ret)[i], &from->items[i]);
        int rc = curve_init(rq, &from->items[i].recall, &(*ret)[i]);
        if (rc < 0)
            return rc;
        fiber_checkpoint();
    }
    return 0;
}
