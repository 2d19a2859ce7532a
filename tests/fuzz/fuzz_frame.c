/* fuzz_frame.c -- any bytes as frames: the header parser, and the meta of every operation as the server unpacks it. */
#include "net/frame.h"
#include "net/meta.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* What the server says of a header must not depend on how many pieces it came in. */
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

static void unpack_ids(struct request *rq, const Kith__PointIds *from)
{
    const struct point_id *ids;
    uint64_t count;
    if (meta_ids(rq, from, &ids, &count) < 0)
        check(rq->error.text[0]);
    else if (from)
        check(count == from->n_numbers + from->uuids.len / 16);
}

static void unpack_meta(struct request *rq, uint16_t op, const uint8_t *meta, size_t n)
{
    ProtobufCAllocator allocator = meta_allocator(rq);
    switch (op) {
    case KITH_OP_HELLO: (void)kith__hello__unpack(&allocator, n, meta); break;
    case KITH_OP_PING: (void)kith__ping__unpack(&allocator, n, meta); break;
    case KITH_OP_DROP: (void)kith__drop_collection__unpack(&allocator, n, meta); break;
    case KITH_OP_LIST: (void)kith__list_collections__unpack(&allocator, n, meta); break;
    case KITH_OP_INFO: (void)kith__get_info__unpack(&allocator, n, meta); break;
    case KITH_OP_COUNT: (void)kith__count__unpack(&allocator, n, meta); break;
    case KITH_OP_SEARCH: (void)kith__search__unpack(&allocator, n, meta); break;
    case KITH_OP_CREATE: {
        Kith__CreateCollection *m = kith__create_collection__unpack(&allocator, n, meta);
        struct collection_config config;
        if (m && meta_collection(rq, m->collection, &config) == 0)
            check(strlen(config.name) < COLLECTION_NAME_MAX);
        break;
    }
    case KITH_OP_UPSERT: {
        Kith__Upsert *m = kith__upsert__unpack(&allocator, n, meta);
        if (m)
            unpack_ids(rq, m->ids);
        break;
    }
    case KITH_OP_DELETE: {
        Kith__Delete *m = kith__delete__unpack(&allocator, n, meta);
        if (m)
            unpack_ids(rq, m->ids);
        break;
    }
    case KITH_OP_GET: {
        Kith__Get *m = kith__get__unpack(&allocator, n, meta);
        if (m)
            unpack_ids(rq, m->ids);
        break;
    }
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
        memset(&rq.error, 0, sizeof rq.error);
        unpack_meta(&rq, h.op, bytes, h.meta_bytes);
        arena_reset(&rq.arena);
        arena_reset(&rq.bulk);
        bytes += body;
        n -= body;
    }
    return 0;
}
