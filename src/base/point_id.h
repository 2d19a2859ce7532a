/* point_id.h -- the name a user gives a point: a number or a UUID, both 128 bits here.
 *
 * The number n is the id {hi = 0, lo = n}. A UUID is its 16 bytes read big-endian. So the UUID
 * 00000000-0000-0000-XXXX-XXXXXXXXXXXX and the number with the same low half are one id; no UUID version of RFC 9562
 * generates such a UUID, and it saves every id in memory and on disk a tag. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct point_id {
    uint64_t hi, lo;
};

#define POINT_ID_TEXT_MAX 40

static inline bool point_id_equal(struct point_id a, struct point_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline bool point_id_is_number(struct point_id id)
{
    return id.hi == 0;
}

/* Spreads an id over 64 bits. Part of the disk format: slots are cut from it, so it never changes. */
uint64_t point_id_hash(struct point_id id);

/* "42" or "550e8400-e29b-41d4-a716-446655440000" into text[POINT_ID_TEXT_MAX]; returns text. */
char *point_id_format(struct point_id id, char *text);

/* Reads either form; returns 0, or -EINVAL when the text is neither. */
int point_id_parse(const char *text, struct point_id *ret_id);
