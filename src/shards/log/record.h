/* record.h -- the records of the log: one for each point that was written or deleted. Pure
 * functions over bytes.
 *
 *   byte 0      4      5      6       8            16        24   40       48
 *        | size | type | zero | parts | collection | version | id | expiry | part | part ...
 *
 * size is the size of the whole record, so its parts take size - 48 bytes. The 16-bit number
 * `parts` says how many parts there are. expiry is in nanoseconds since 1970; 0: the point never
 * expires. A deletion has no parts. The parts of an upsert are the whole new point. So of the
 * records of one id only the one with the highest version counts.
 *
 *   byte 0      2        4      8
 *        | kind | number | size | bytes ... | zeros to 8
 *
 * Parts ascend by kind, then by number, and no part is there twice. `number` is the number of a
 * vector in the collection's schema, and 0 in a part that is not about a vector. A vector of a
 * cosine collection is normalised before it is logged. */
#pragma once

#include "base/check.h"
#include "base/point_id.h"
#include <stddef.h>
#include <sys/uio.h>

enum record_type { RECORD_UPSERT = 1, RECORD_DELETE = 2 };

/* On disk: never renumbered. */
enum record_part_kind {
    RECORD_VECTOR = 1,
    RECORD_PAYLOAD = 2,        /* the whole payload */
    RECORD_VECTOR_REMOVED = 3, /* the point does not have this vector any more; size 0 */
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
    /* set by record_read(): the kind of a part that this version does not know; 0: none */
    uint16_t unknown;
    uint64_t collection, version;
    struct point_id id;
    uint64_t expiry_ns;
    const struct record_part *parts;
    uint32_t part_count;
};

/* Reads the record at the start of bytes, which lie at a multiple of 8. Returns its size in bytes,
 * or 0 when the bytes make no record. *r borrows bytes and parts. Of a record with a part of an
 * unknown kind, only the size, the header and r->unknown may be used. */
MUST_USE size_t record_read(const uint8_t *bytes, size_t size, struct record_part parts[RECORD_PARTS_MAX],
                            struct record *r);
/* The part of that kind and number; NULL: there is none. */
const struct record_part *record_part(const struct record *r, enum record_part_kind kind, uint16_t number);

/* -- records for the log -- */

/* A shorter part is copied behind its header. A longer one is written to the log from where it lies
 * (measured in docs/performance.md). */
#define RECORD_LEND_MIN 1024

/* How much memory a record_list takes for some records. */
struct record_room {
    size_t made; /* bytes */
    size_t slices;
};
void record_room_add(struct record_room *room, const struct record *r);

/* Records on their way to the log, as slices in their order. A slice is either a piece of `made`,
 * which holds headers and short parts, or a long part where the caller has it. */
struct record_list {
    uint8_t *made;
    size_t made_size;
    struct iovec *slices;
    uint32_t count;
    struct record_room room; /* the memory that the list has */
};
/* Allocates memory for the records that record_room_add() has counted. -ENOMEM. */
MUST_USE int record_list_init(struct record_list *l, const struct record_room *room);
void record_list_add(struct record_list *l, const struct record *r);
/* pause (may be NULL): passed to memory_discard(). */
void record_list_fini(struct record_list *l, void (*pause)(void));
