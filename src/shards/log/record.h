/* record.h -- what the log holds: one record for each point that was written or deleted. Pure
 * functions over bytes.
 *
 *   byte 0      4      5      6       8            16        24   40       48
 *        | size | type | zero | parts | collection | version | id | expiry | part | part ...
 *
 * size is that of the whole record, so its parts take size - 48 bytes. parts is how many there are.
 * expiry is in nanoseconds since 1970; 0: the point never expires. A deletion has no parts. The
 * parts of a written point say all that the point becomes: the record with the highest version
 * counts, and a replay does no arithmetic.
 *
 *   byte 0      2        4      8
 *        | kind | number | size | bytes ... | zeros to 8
 *
 * Parts ascend by kind, then by number, and none is there twice. A number is that of a vector in
 * the collection's schema; it is 0 in a part that is of no vector. A vector of a cosine collection
 * is normalised before it is logged. */
#pragma once

#include "base/check.h"
#include "base/point_id.h"
#include <stddef.h>
#include <sys/uio.h>

enum record_type { RECORD_UPSERT = 1, RECORD_DELETE = 2 };

/* On disk: never renumbered. */
enum record_part_kind {
    RECORD_VECTOR = 1,
    RECORD_PAYLOAD = 2,        /* all of it */
    RECORD_VECTOR_REMOVED = 3, /* the point has no such vector any more; no bytes */
};

#define RECORD_HEADER      48
#define RECORD_PART_HEADER 8
#define RECORD_PARTS_MAX   64

struct record_part {
    uint16_t kind, number;
    uint32_t size;
    const void *bytes;
};

struct record {
    enum record_type type;
    /* read: the kind of a part that this version does not know; 0: there is none */
    uint16_t unknown;
    uint64_t collection, version;
    struct point_id id;
    uint64_t expiry_ns;
    const struct record_part *parts;
    uint32_t part_count;
};

/* Reads the record at the start of bytes, which lie at a multiple of 8. Returns its extent, or 0
 * when the bytes make no record. *r borrows bytes and parts. The parts of a record with an unknown
 * kind are not listed: only its extent can be believed. */
MUST_USE size_t record_read(const uint8_t *bytes, size_t size, struct record_part parts[RECORD_PARTS_MAX],
                            struct record *r);
/* NULL: there is none. */
const struct record_part *record_part(const struct record *r, enum record_part_kind kind, uint16_t number);

/* -- records for the log -- */

/* Parts shorter than this are copied behind their header, longer ones are lent to the log from
 * where they are (docs/performance.md has the measurement). */
#define RECORD_LEND_MIN 1024

/* Records on their way to the log are a list: bytes that are made for them, and in their order
 * slices of these and of what is lent. This is what they take of it. */
struct record_room {
    size_t made;
    size_t slices;
};
void record_room_add(struct record_room *room, const struct record *r);

struct record_list {
    uint8_t *made;
    size_t made_size;
    struct iovec *slices;
    uint32_t count;
    struct record_room room; /* that it has */
};
/* Room for records of which record_room_add() was told, each of them. */
MUST_USE int record_list_init(struct record_list *l, const struct record_room *room);
void record_list_add(struct record_list *l, const struct record *r);
/* pause (may be NULL): as memory_discard() says. */
void record_list_fini(struct record_list *l, void (*pause)(void));
