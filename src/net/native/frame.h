/* frame.h -- parses the header of a frame of the native protocol from any bytes. Pure: no reactor,
 * no allocation.
 *
 * kith/protocol.h has the layout. A header is checked as soon as enough bytes have arrived, so that
 * a client of another protocol gets an error after its first four bytes instead of waiting. */
#pragma once

#include "base/error.h"
#include "kith/protocol.h"
#include <stdbool.h>
#include <stddef.h>

#define FRAME_BYTES_MAX ((uint64_t)256 << 20) /* header, meta, padding and block */
#define FRAME_META_MAX  (64u << 20)

/* The limit for most operations, which contain only names and numbers. A message is unpacked in one
 * call, so this bounds the time of that call. */
#define FRAME_META_SMALL  4096u
#define FRAME_META_CREATE (32u << 10) /* enough for the largest schema */
#define FRAME_META_SEARCH (32u << 10) /* a filter with 3 000 values of ten bytes */
#define FRAME_META_DELETE (17u << 20) /* also for a get: a million UUIDs */

/* 1: *ret is a valid header of a request. 0: more bytes are needed. Negative, with the sentence:
 * these bytes are not an acceptable frame, and the start of the next one is unknown. An unknown
 * operation is valid here, because its frame can be skipped. */
MUST_USE int frame_parse(const void *bytes, size_t n, struct kith_frame_header *ret, struct error *error);

/* Checks that the operation allows a frame of these sizes. 0, or negative with the sentence; then
 * the frame is skipped. */
MUST_USE int frame_check(const struct kith_frame_header *h, struct error *error);

/* Bytes of zeros between meta and block. */
static inline uint32_t frame_padding(uint32_t meta_bytes, uint64_t block_bytes)
{
    return block_bytes ? (uint32_t)(-(KITH_HEADER_BYTES + (uint64_t)meta_bytes) & (KITH_BLOCK_ALIGN - 1)) : 0;
}

/* Bytes behind the header. Overflows only for headers that frame_parse() refuses. */
static inline uint64_t frame_body_bytes(const struct kith_frame_header *h)
{
    return h->meta_bytes + frame_padding(h->meta_bytes, h->block_bytes) + h->block_bytes;
}

static inline bool frame_op_known(uint16_t op)
{
    return op >= KITH_OP_HELLO && op <= KITH_OP_LAST;
}
