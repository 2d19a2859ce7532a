/* wire.c -- reads varints, lengths and fields of protobuf from any bytes, never beyond the end. */
#include "net/native/meta/wire.h"

#include <errno.h>
#include <string.h>

#define VARINT_BYTES_MAX 10

int wire_next_varint(struct wire *w, uint64_t *ret)
{
    uint64_t value = 0;
    if (w->at == w->end)
        return 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && w->at < w->end; i++) {
        const uint8_t byte = *w->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret = value;
            return 1;
        }
    }
    return -EPROTO;
}

static int next_fixed(struct wire *w, size_t size, uint64_t *ret)
{
    if ((size_t)(w->end - w->at) < size)
        return -EPROTO;
    *ret = 0;
    memcpy(ret, w->at, size); /* little-endian, like the machine (frame.c) */
    w->at += size;
    return 1;
}

static int next_bytes(struct wire *w, struct wire_field *f)
{
    uint64_t size;
    if (wire_next_varint(w, &size) <= 0 || size > (size_t)(w->end - w->at))
        return -EPROTO;
    f->bytes = w->at;
    f->size = (size_t)size;
    w->at += size;
    return 1;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
    uint64_t tag;
    int rc = wire_next_varint(w, &tag);
    if (rc <= 0)
        return rc;
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return -EPROTO;
    *ret = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    switch (tag & 7) {
    case WIRE_VARINT: return wire_next_varint(w, &ret->value) <= 0 ? -EPROTO : 1;
    case WIRE_FIXED64: return next_fixed(w, 8, &ret->value);
    case WIRE_BYTES: return next_bytes(w, ret);
    case WIRE_FIXED32: return next_fixed(w, 4, &ret->value);
    default: return -EPROTO; /* groups, which proto3 does not have */
    }
}

uint8_t *wire_put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

uint8_t *wire_put_bytes_head(uint8_t *to, uint32_t number, uint64_t size)
{
    return wire_put_varint(wire_put_varint(to, (uint64_t)number << 3 | WIRE_BYTES), size);
}
