/* point_id.h -- the id of a point: a number or a UUID, stored in 128 bits.
 *
 * The number n is the id {hi = 0, lo = n}. A UUID is its 16 bytes read big-endian, with one
 * exception: if its upper half is 0, like that of a number, POINT_ID_PREFIX takes the place of that
 * half. So a number and the UUID of the same 128 bits are two ids, and no id needs a tag in memory
 * or on disk. UUIDs that begin with the prefix are refused. They would have version 0, which no
 * UUID of RFC 9562 has. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct point_id {
    uint64_t hi, lo;
};

#define POINT_ID_TEXT_MAX 40
/* the bytes K I T H U U 0 0; part of the disk format and of the protocol */
#define POINT_ID_PREFIX UINT64_C(0x4b49544855550000)

static inline bool point_id_equal(struct point_id a, struct point_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline bool point_id_is_number(struct point_id id)
{
    return id.hi == 0;
}

/* Converts between an id and its 16 bytes in the protocol, both ways. In the protocol every UUID is
 * itself, and the number n is {POINT_ID_PREFIX, n}. */
static inline struct point_id point_id_swap(struct point_id id)
{
    if (id.hi == 0 || id.hi == POINT_ID_PREFIX)
        id.hi ^= POINT_ID_PREFIX;
    return id;
}

/* A 64-bit hash of an id. Part of the disk format, because slots are derived from it: it never
 * changes. */
uint64_t point_id_hash(struct point_id id);

/* Writes "42" or "550e8400-e29b-41d4-a716-446655440000" to text[POINT_ID_TEXT_MAX]; returns
 * text. */
char *point_id_format(struct point_id id, char *text);

/* Reads either form. Returns 0, or -EINVAL when the text is neither form or a refused UUID. */
int point_id_parse(const char *text, struct point_id *ret_id);
