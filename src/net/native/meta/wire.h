/* wire.h -- the fields of a protobuf message, read and written one by one. Pure:
 * no memory, no reactor.
 *
 * protobuf-c unpacks and packs a whole message in one call, which copies and cannot pause. That is
 * fine for a small message. A message that may name a million points or carry megabytes goes
 * through this instead, and who reads or writes it pauses between fields. The format:
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
    uint64_t value;       /* of all types but WIRE_BYTES */
    const uint8_t *bytes; /* of WIRE_BYTES, `size` of them; borrowed from the message */
    size_t size;
};

static inline struct wire wire_of(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    return (struct wire){at, at + n};
}

/* 1: *ret is the next field; 0: the message is over; -EPROTO: these bytes are no message. */
MUST_USE int wire_next(struct wire *w, struct wire_field *ret);
/* The next varint of a packed field; the same results. */
MUST_USE int wire_next_varint(struct wire *w, uint64_t *ret);

static inline unsigned wire_varint_bytes(uint64_t value)
{
    return (63u - (unsigned)__builtin_clzll(value | 1)) / 7 + 1;
}

/* Both write at `to` and return where the next byte goes. */
uint8_t *wire_put_varint(uint8_t *to, uint64_t value);
/* The beginning of a field of WIRE_BYTES: its tag and size; the bytes themselves follow. */
uint8_t *wire_put_bytes_head(uint8_t *to, uint32_t number, uint64_t size);

/* All of such a field. */
static inline uint64_t wire_bytes_extent(uint32_t number, uint64_t size)
{
    return wire_varint_bytes((uint64_t)number << 3) + wire_varint_bytes(size) + size;
}
