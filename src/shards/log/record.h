/* record.h -- what the log holds: one record a point written or deleted. Pure functions over bytes.
 *
 *   byte 0      4      5       8            16        24     40    44             48
 *        | size | type | zeros | collection | version | id   | dim | payload size | vector f32 ... | payload ... | zeros to 8
 *
 * size is that of the whole record. A deletion ends after byte 48, with dim and payload size 0. Vectors of cosine collections are
 * normalised before they are logged, so a replay does no arithmetic. */
#pragma once

#include "base/check.h"
#include "base/point_id.h"
#include <stddef.h>

enum record_type { RECORD_UPSERT = 1, RECORD_DELETE = 2 };

#define RECORD_HEADER 48

struct arena;

struct record {
    enum record_type type;
    uint64_t collection, version;
    struct point_id id;
    uint32_t dim, payload_size;
    const float *vector; /* in the record's bytes: 4-byte aligned if those are */
    const void *payload;
    struct arena *owner; /* the payload lies there, and is taken over with it; NULL: whoever keeps it copies it */
};

/* Bytes that a record takes. */
size_t record_extent(uint32_t dim, uint32_t payload_size);
/* Writes the record to out[record_extent()] and returns where the vector lies; r->vector may be NULL when empty. When
 * r->payload is NULL the caller copies the payload itself, behind the vector: it may be long. */
float *record_write(const struct record *r, uint8_t *out);
/* Reads the record at the start of bytes. Returns its extent, or 0 when the bytes make no record. *r borrows. */
MUST_USE size_t record_read(const uint8_t *bytes, size_t size, struct record *r);
