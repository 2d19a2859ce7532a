/* answer_points.c -- computes the size of the answer first, because the length of each protobuf
 * field precedes its bytes. */
#include "net/native/meta/answer_points.h"
#include "net/native/meta/wire.h"

#include <string.h>

/* Field numbers of Points (kith.proto). */
enum { COUNTS = 1, ID_HI = 2, ID_LO = 3, SCORES = 4, PAYLOADS = 5, PAYLOAD_SIZES = 6 };

#define STEPS 1024 /* numbers between two checkpoints */

struct layout {
    bool ids_hi; /* some id is a UUID */
    /* bytes of the two packed fields of varints; of the whole message */
    uint64_t count_bytes, size_bytes, all;
};

static uint64_t varints_bytes(const uint32_t *values, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes += wire_varint_bytes(values[i]);
        if (i % STEPS == 0)
            fiber_checkpoint();
    }
    return bytes;
}

static bool any_hi(const struct answer *p)
{
    bool any = false;
    for (uint32_t i = 0; i < p->count && !any; i++) {
        any = p->ids[i].hi != 0;
        if (i % STEPS == 0)
            fiber_checkpoint();
    }
    return any;
}

/* An empty field is left out. */
static uint64_t extent(uint32_t field, uint64_t bytes)
{
    return bytes ? wire_bytes_extent(field, bytes) : 0;
}

static struct layout lay_out(const struct answer *p)
{
    struct layout l = {.ids_hi = any_hi(p), .count_bytes = varints_bytes(p->counts, p->query_count)};
    if (p->payload_sizes)
        l.size_bytes = varints_bytes(p->payload_sizes, p->count);
    const uint64_t id_bytes = (uint64_t)p->count * sizeof(uint64_t);
    l.all = extent(COUNTS, l.count_bytes) + extent(ID_HI, l.ids_hi ? id_bytes : 0) + extent(ID_LO, id_bytes) +
            extent(SCORES, p->scores ? (uint64_t)p->count * sizeof(float) : 0) +
            extent(PAYLOADS, p->payload_sizes ? p->payload_bytes : 0) + extent(PAYLOAD_SIZES, l.size_bytes);
    return l;
}

static uint8_t *put_varints(uint8_t *to, uint32_t field, uint64_t bytes, const uint32_t *values, uint32_t n)
{
    if (bytes == 0)
        return to;
    to = wire_put_bytes_head(to, field, bytes);
    for (uint32_t i = 0; i < n; i++) {
        to = wire_put_varint(to, values[i]);
        if (i % STEPS == 0)
            fiber_checkpoint();
    }
    return to;
}

static uint8_t *put_ids(uint8_t *to, uint32_t field, const struct answer *p)
{
    if (p->count == 0)
        return to;
    to = wire_put_bytes_head(to, field, (uint64_t)p->count * sizeof(uint64_t));
    for (uint32_t i = 0; i < p->count; i++, to += sizeof(uint64_t)) {
        const uint64_t half = field == ID_HI ? point_id_swap(p->ids[i]).hi : p->ids[i].lo;
        memcpy(to, &half, sizeof(half));
        if (i % STEPS == 0)
            fiber_checkpoint();
    }
    return to;
}

static uint8_t *put_bytes(uint8_t *to, uint32_t field, const void *bytes, uint64_t n)
{
    if (n == 0)
        return to;
    to = wire_put_bytes_head(to, field, n);
    fiber_copy(to, bytes, n);
    return to + n;
}

static void put(uint8_t *to, const struct answer *p, const struct layout *l)
{
    const uint8_t *begin = to;
    to = put_varints(to, COUNTS, l->count_bytes, p->counts, p->query_count);
    if (l->ids_hi)
        to = put_ids(to, ID_HI, p);
    to = put_ids(to, ID_LO, p);
    to = put_bytes(to, SCORES, p->scores, p->scores ? (uint64_t)p->count * sizeof(float) : 0);
    to = put_bytes(to, PAYLOADS, p->payloads, p->payload_sizes ? p->payload_bytes : 0);
    to = put_varints(to, PAYLOAD_SIZES, l->size_bytes, p->payload_sizes, p->count);
    check(to == begin + l->all);
}

int answer_points(struct native_request *r, const struct answer *p)
{
    const struct layout l = lay_out(p);
    const uint64_t block_bytes = p->vectors ? p->count * p->row_bytes : 0;
    uint8_t *meta = native_reply_room(r, l.all, p->vectors, block_bytes);
    if (!meta)
        return native_reply_too_large(r);
    put(meta, p, &l);
    return 0;
}
