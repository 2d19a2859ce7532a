/* frame.h -- the header of a frame of the native protocol, out of bytes that may be anything. Pure:
 * no reactor, no memory.
 *
 * The layout is in kith/protocol.h. A header is judged as soon as enough of it is there, so that a
 * client of another protocol is told so by its first four bytes and not left waiting. */
#pragma once

#include "base/error.h"
#include "kith/protocol.h"
#include <stdbool.h>
#include <stddef.h>

#define FRAME_BYTES_MAX ((uint64_t)256 << 20) /* header, meta, zeros and block */
#define FRAME_META_MAX  (64u << 20)

/* Of most operations: names and numbers. It is unpacked in one call, so it bounds how
 * long that call can take. */
#define FRAME_META_SMALL  4096u
#define FRAME_META_CREATE (32u << 10) /* as many vectors and fields as there may be */
#define FRAME_META_DELETE (17u << 20) /* and of a get: a million UUIDs */

/* 1: *ret is a valid header of a request. 0: more bytes are needed. Negative, with the sentence:
 * these bytes are no frame we take, and where the next one would begin is not known. An op that is
 * not known is valid: its frame can be skipped. */
MUST_USE int frame_parse(const void *bytes, size_t n, struct kith_frame_header *ret, struct error *error);

/* Does its operation allow a frame like that? 0, or negative with the sentence: then the frame is
 * skipped, not stored. */
MUST_USE int frame_check(const struct kith_frame_header *h, struct error *error);

/* Zeros between meta and block. */
static inline uint32_t frame_padding(uint32_t meta_bytes, uint64_t block_bytes)
{
    return block_bytes ? (uint32_t)(-(KITH_HEADER_BYTES + (uint64_t)meta_bytes) & (KITH_BLOCK_ALIGN - 1)) : 0;
}

/* What follows the header. Overflows only for headers frame_parse() refuses. */
static inline uint64_t frame_body_bytes(const struct kith_frame_header *h)
{
    return h->meta_bytes + frame_padding(h->meta_bytes, h->block_bytes) + h->block_bytes;
}

static inline bool frame_op_known(uint16_t op)
{
    return op >= KITH_OP_HELLO && op <= KITH_OP_SCHEMA_CHANGE;
}
