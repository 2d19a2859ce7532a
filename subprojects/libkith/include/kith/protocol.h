/* protocol.h -- the frame of Kith's native protocol, for client and server. docs/protocol.md
 * describes it.
 *
 *   byte 0        4        6        8               16        20        24              32
 *        | magic  | op     | flags  | request id    | meta    | word    | block bytes   |
 *        | "KITH" | u16    | u16    | u64           | u32     | u32     | u64           |
 *
 *   then | meta | zeros to a multiple of 64 | block
 *
 * All numbers are little-endian. The block begins at the next multiple of 64 bytes from the start
 * of the frame. A frame whose `block bytes` is 0 has neither zeros nor a block. The next frame
 * begins right behind the last byte. In a request `word` is the deadline in milliseconds (0: none),
 * in a reply the error code (0: no error). */
#pragma once

#include <stdint.h>

#define KITH_MAGIC            0x4854494bu /* the bytes K I T H */
#define KITH_PROTOCOL_VERSION 1
#define KITH_HEADER_BYTES     32
#define KITH_BLOCK_ALIGN      64
#define KITH_META_BYTES_MAX   (64u << 20) /* of a request */
#define KITH_DIM_MAX          65536       /* of a collection */
#define KITH_K_MAX            10000       /* of a search */
#define KITH_EF_MAX           10000
#define KITH_PORT             7700
#define KITH_HTTP_PORT        7701

enum kith_op {
    KITH_OP_HELLO = 1, /* the first frame of a connection, in a form that never changes */
    KITH_OP_PING = 2,
    KITH_OP_CREATE = 3,
    KITH_OP_DROP = 4,
    KITH_OP_LIST = 5,
    KITH_OP_INFO = 6,
    KITH_OP_UPSERT = 7,
    KITH_OP_DELETE = 8,
    KITH_OP_GET = 9,
    KITH_OP_COUNT = 10,
    KITH_OP_SEARCH = 11,
    /* gives up the request that has this frame's request id; has no reply of its own */
    KITH_OP_CANCEL = 12,
    KITH_OP_SEAL = 13,
    KITH_OP_COMPACT = 14,
    KITH_OP_VERIFY = 15,
    KITH_OP_SNAPSHOT_CREATE = 16,
    KITH_OP_SNAPSHOT_LIST = 17,
    KITH_OP_SNAPSHOT_VERIFY = 18,
    KITH_OP_SNAPSHOT_RESTORE = 19,
    KITH_OP_SNAPSHOT_DELETE = 20,
    KITH_OP_STATS = 21,
    KITH_OP_CONFIG_GET = 22,
    KITH_OP_CONFIG_SET = 23,
    KITH_OP_SCHEMA_CHANGE = 24,
    KITH_OP_LAST = KITH_OP_SCHEMA_CHANGE, /* the highest code of this version */
};

#define KITH_FLAG_REPLY 1 /* set by the server */
#define KITH_FLAG_ERROR 2 /* of a reply: meta is an Error */

struct kith_frame_header {
    uint32_t magic;
    uint16_t op, flags;
    uint64_t request_id;
    uint32_t meta_bytes, word;
    uint64_t block_bytes;
};
