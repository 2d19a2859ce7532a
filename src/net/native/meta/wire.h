/* wire.h -- reads and writes the fields of a protobuf message one by one. Pure: no allocation, no
 * reactor.
 *
 * protobuf-c unpacks and packs a whole message in one call, which copies it and cannot pause. That
 * suits small messages. Messages with up to a million points or megabytes of data use this file
 * instead, and their code pauses between fields. The format:
 * https://protobuf.dev/programming-guides/encoding/ */
#pragma once

#include "base/check.h"
#include <stddef.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire {
    const uint8_t *at, *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;       /* for all types but WIRE_BYTES */
    const uint8_t *bytes; /* for WIRE_BYTES: `size` bytes, borrowed from the message */
    size_t size;
};

static inline struct wire wire_of(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    return (struct wire){at, at + n};
}

/* 1: *ret is the next field; 0: the end of the message; -EPROTO: malformed bytes. */
MUST_USE int wire_next(struct wire *w, struct wire_field *ret);
/* The next varint of a packed field; the same return values. */
MUST_USE int wire_next_varint(struct wire *w, uint64_t *ret);

static inline unsigned wire_varint_bytes(uint64_t value)
{
    return (63u - (unsigned)__builtin_clzll(value | 1)) / 7 + 1;
}

/* Both functions write at `to` and return the position behind the written bytes. */
uint8_t *wire_put_varint(uint8_t *to, uint64_t value);
/* Writes the tag and the size of a field of type WIRE_BYTES, without its bytes. */
uint8_t *wire_put_bytes_head(uint8_t *to, uint32_t number, uint64_t size);

/* The bytes of such a field, with tag and size. */
static inline uint64_t wire_bytes_extent(uint32_t number, uint64_t size)
{
    return wire_varint_bytes((uint64_t)number << 3) + wire_varint_bytes(size) + size;
}
