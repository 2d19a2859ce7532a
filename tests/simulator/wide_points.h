/* wide_points.h -- the points of wide.c: their ids, their vectors, and the versions that each may
 * have.
 *
 * Version v of a point is made by its v-th write. Every eighth write is a delete, the others write
 * a vector. Only one client writes to a point, one request at a time. Points of a group have equal
 * vectors while their versions are equal. Ids have every form: numbers, also 0, 2^63 and 2^64 - 1,
 * UUIDs of the same 128 bits, and other UUIDs. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct wide_points {
    Kith__Metric metric;
    uint32_t dim, count, groups;
    uint32_t *begun; /* [count]: version of the newest write that was sent */
    uint32_t *known; /* [count]: version of the newest write that was acknowledged */
};

void wide_points_init(struct wide_points *p, uint64_t *random);
void wide_points_fini(struct wide_points *p);

static inline bool wide_is_delete(uint32_t version)
{
    return version % 8 == 7;
}

/* Writes the id as 16 bytes, in the form of the field `uuids` of a request. */
void wide_id(uint32_t point, uint8_t *ret);
/* The point with this id of an answer. UINT32_MAX: no point has it. */
uint32_t wide_point_of(const struct wide_points *p, uint64_t hi, uint64_t lo);
/* Whether the id of `one` is less than that of `other`. Numbers come before UUIDs. */
bool wide_id_before(uint32_t one, uint32_t other);

/* The value of field "a" in the payload of this version: 0 to 9. */
static inline int wide_value(uint32_t point, uint32_t version)
{
    return (int)((point * 7 + version * 3) % 10);
}
#define WIDE_FIELD         "a"
#define WIDE_PAYLOAD       "{\"" WIDE_FIELD "\":%d}"
#define WIDE_PAYLOAD_BYTES 7

/* The components are small whole numbers, so that sums of squares and products are exact. */
void wide_vector(const struct wide_points *p, uint32_t point, uint32_t version, float *ret);
