/* fuzz_frame.c -- any bytes as frames: the header is parsed, and the meta of every operation is
 * read as the server reads it. */
#include "base/text/utf8.h"
#include "net/native/frame.h"
#include "net/native/meta/meta.h"
#include "net/native/meta/meta_points.h"
#include "net/native/meta/meta_schema.h"
#include "net/native/meta/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The result of parsing a header must not depend on the pieces in which it arrives. */
static int parse_in_pieces(const uint8_t *bytes, size_t n, struct kith_frame_header *ret)
{
    struct error error;
    int said = 0;
    for (size_t have = 1; have <= n && have <= KITH_HEADER_BYTES; have++) {
        int rc = frame_parse(bytes, have, ret, &error);
        check(said == 0 && (rc <= 0 || have == KITH_HEADER_BYTES));
        if (rc < 0)
            check(error.code == ERROR_PROTOCOL && error.text[0]);
        said = rc;
        if (rc != 0)
            break;
    }
    if (n >= KITH_HEADER_BYTES) {
        int whole = frame_parse(bytes, n, ret, &error);
        check((whole > 0) == (said > 0));
    }
    return said;
}

static void same_ids(const struct meta_points_ask *ask, const Kith__PointIds *ids)
{
    const size_t numbers = ids ? ids->n_numbers : 0, uuids = ids ? ids->uuids.len / 16 : 0;
    /* of several fields `uuids` protobuf-c keeps the last; the server's reader joins them */
    check(ask->count == numbers + uuids || (numbers == 0 && ask->count > uuids));
    for (size_t i = 0; i < numbers; i++)
        check(ask->ids[i].hi == 0 && ask->ids[i].lo == ids->numbers[i]);
}

/* protobuf-c takes a boolean from a field of any wire type. The server's reader takes it from a
 * varint only, and ignores other types, as the format says. */
static bool has_odd_boolean(const uint8_t *meta, size_t n)
{
    struct wire w = wire_of(meta, n);
    struct wire_field f;
    while (wire_next(&w, &f) > 0)
        if ((f.number == 3 || f.number == 4) && f.type != WIRE_VARINT)
            return true;
    return false;
}

/* Compares the server's reader of metas that name points with protobuf-c. Input that both take must
 * mean the same. */
static void compare_points(struct request *rq, enum meta_points_kind kind, const uint8_t *meta, size_t n)
{
    ProtobufCAllocator allocator = meta_allocator(rq);
    Kith__Upsert *upsert = kind == META_UPSERT ? kith__upsert__unpack(&allocator, n, meta) : NULL;
    Kith__Delete *delete = kind == META_DELETE ? kith__delete__unpack(&allocator, n, meta) : NULL;
    Kith__Get *get = kind == META_GET ? kith__get__unpack(&allocator, n, meta) : NULL;
    struct meta_points_ask ask;
    memset(&rq->error, 0, sizeof(rq->error));
    if (meta_points_read(rq, kind, meta, n, &ask) < 0) {
        check(rq->error.text[0]);
        return;
    }
    if (upsert) {
        same_ids(&ask, upsert->ids);
        check(strcmp(ask.collection, upsert->collection) == 0 && ask.payloads.size_count == upsert->n_payload_sizes);
        check(ask.payloads.bytes == upsert->payloads.len);
        check(!ask.payloads.bytes || memcmp(ask.payloads.data, upsert->payloads.data, ask.payloads.bytes) == 0);
        for (size_t i = 0; i < upsert->n_payload_sizes; i++)
            check(ask.payloads.sizes[i] == upsert->payload_sizes[i]);
    }
    if (delete)
        same_ids(&ask, delete->ids);
    if (get) {
        same_ids(&ask, get->ids);
        check(has_odd_boolean(meta, n) ||
              (ask.select.vectors == (get->with_vectors != 0) && ask.select.payloads == (get->with_payloads != 0)));
    }
}

static void unpack_meta(struct request *rq, uint16_t op, const uint8_t *meta, size_t n)
{
    switch (op) {
    case KITH_OP_HELLO: (void)meta_unpack(rq, &kith__hello__descriptor, meta, n); break;
    case KITH_OP_PING: (void)meta_unpack(rq, &kith__ping__descriptor, meta, n); break;
    case KITH_OP_DROP: {
        Kith__DropCollection *m = meta_unpack(rq, &kith__drop_collection__descriptor, meta, n);
        check(!m || strlen(m->name) == 0 || utf8_is_valid(m->name, strlen(m->name)));
        check(m || rq->error.text[0] || meta_refuse(rq, "DropCollection") < 0);
        break;
    }
    case KITH_OP_LIST: (void)meta_unpack(rq, &kith__list_collections__descriptor, meta, n); break;
    case KITH_OP_INFO: (void)meta_unpack(rq, &kith__get_info__descriptor, meta, n); break;
    case KITH_OP_COUNT: (void)meta_unpack(rq, &kith__count__descriptor, meta, n); break;
    case KITH_OP_SEARCH: (void)meta_unpack(rq, &kith__search__descriptor, meta, n); break;
    case KITH_OP_CREATE: {
        Kith__CreateCollection *m = meta_unpack(rq, &kith__create_collection__descriptor, meta, n);
        struct collection_config config;
        if (m && meta_collection(rq, m->collection, &config) == 0)
            check(strlen(config.name) < COLLECTION_NAME_MAX);
        break;
    }
    case KITH_OP_UPSERT: compare_points(rq, META_UPSERT, meta, n); break;
    case KITH_OP_DELETE: compare_points(rq, META_DELETE, meta, n); break;
    case KITH_OP_GET: compare_points(rq, META_GET, meta, n); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct request rq;
    while (n > 0) {
        struct kith_frame_header h;
        if (parse_in_pieces(bytes, n, &h) <= 0)
            break;
        uint64_t body = frame_body_bytes(&h);
        check(KITH_HEADER_BYTES + body <= FRAME_BYTES_MAX);
        check(h.block_bytes == 0 ||
              (KITH_HEADER_BYTES + h.meta_bytes + frame_padding(h.meta_bytes, h.block_bytes)) % 64 == 0);
        bytes += KITH_HEADER_BYTES;
        n -= KITH_HEADER_BYTES;
        if (body > n)
            break;
        rq.arena.limit = (size_t)16 << 20;
        memset(&rq.error, 0, sizeof(rq.error));
        unpack_meta(&rq, h.op, bytes, h.meta_bytes);
        arena_reset(&rq.arena);
        arena_reset(&rq.bulk);
        bytes += body;
        n -= body;
    }
    return 0;
}
