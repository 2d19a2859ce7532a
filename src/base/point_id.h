/* point_id.h -- the name a user gives a point: a number or a UUID, both 128 bits here.
 *
 * The number n is the id {hi = 0, lo = n}. A UUID is its 16 bytes read big-endian, with one
 * exception: where its upper half would be 0, as a number's is, it is POINT_ID_PREFIX. So a number
 * and the UUID of the same 128 bits are two ids, and none needs a tag in memory or on disk. UUIDs
 * that begin with the prefix are refused: it has the version 0, which no UUID of RFC 9562 has. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct point_id {
    uint64_t hi, lo;
};

#define POINT_ID_TEXT_MAX 40
/* the bytes K I T H U U, and 0; part of the disk format and of the protocol */
#define POINT_ID_PREFIX UINT64_C(0x4b49544855550000)

static inline bool point_id_equal(struct point_id a, struct point_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline bool point_id_is_number(struct point_id id)
{
    return id.hi == 0;
}

/* Both ways between an id and the 16 bytes that stand for it on the wire, where every UUID is
 * itself and the number n is {POINT_ID_PREFIX, n}. */
static inline struct point_id point_id_swap(struct point_id id)
{
    if (id.hi == 0 || id.hi == POINT_ID_PREFIX)
        id.hi ^= POINT_ID_PREFIX;
    return id;
}

/* Spreads an id over 64 bits. Part of the disk format: slots are cut from it, so it never
 * changes. */
uint64_t point_id_hash(struct point_id id);

/* "42" or "550e8400-e29b-41d4-a716-446655440000" into text[POINT_ID_TEXT_MAX]; returns text. */
char *point_id_format(struct point_id id, char *text);

/* Reads either form; returns 0, or -EINVAL when the text is neither, or a UUID that is refused. */
int point_id_parse(const char *text, struct point_id *ret_id);
