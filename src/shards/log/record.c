#include "shards/log/record.h"

#include <assert.h>
#include <string.h>

struct header {
    uint32_t size;
    uint8_t type, zeros[3];
    uint64_t collection, version;
    struct point_id id;
    uint32_t dim, payload_size;
};
static_assert(sizeof(struct header) == RECORD_HEADER, "the layout on disk");

size_t record_extent(uint32_t dim, uint32_t payload_size)
{
    return ((size_t)RECORD_HEADER + (size_t)dim * sizeof(float) + payload_size + 7) & ~(size_t)7;
}

float *record_write(const struct record *r, uint8_t *out)
{
    size_t extent = record_extent(r->dim, r->payload_size), vector_bytes = (size_t)r->dim * sizeof(float);
    struct header h = {
        .size = (uint32_t)extent,
        .type = (uint8_t)r->type,
        .collection = r->collection,
        .version = r->version,
        .id = r->id,
        .dim = r->dim,
        .payload_size = r->payload_size,
    };
    memset(out + extent - 8, 0, 8);
    memcpy(out, &h, sizeof(h));
    if (r->dim)
        memcpy(out + sizeof(h), r->vector, vector_bytes);
    if (r->payload)
        memcpy(out + sizeof(h) + vector_bytes, r->payload, r->payload_size);
    return (float *)(out + sizeof(h));
}

size_t record_read(const uint8_t *bytes, size_t size, struct record *r)
{
    struct header h;
    if (size < sizeof(h))
        return 0;
    memcpy(&h, bytes, sizeof(h));
    if (h.type != RECORD_UPSERT && h.type != RECORD_DELETE)
        return 0;
    if (h.size > size || h.size != record_extent(h.dim, h.payload_size) || h.version == 0)
        return 0;
    *r = (struct record){
        .type = (enum record_type)h.type,
        .collection = h.collection,
        .version = h.version,
        .id = h.id,
        .dim = h.dim,
        .payload_size = h.payload_size,
        .vector = (const float *)(bytes + sizeof(h)),
        .payload = bytes + sizeof(h) + (size_t)h.dim * sizeof(float),
    };
    return h.size;
}
