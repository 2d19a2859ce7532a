/* payload_path.h -- reads the values of fields out of the payload of a point.
 *
 * A payload is any bytes. It has fields if it is a JSON object (RFC 8259). A path is keys with dots
 * between them: "address.city". Behind a key with [], the path goes on in each element of an array:
 * "stops[].city". At the end of a path, an array stands for its elements. Of a key that is there
 * twice, the last value counts. A payload that is no JSON object, or is larger than
 * PAYLOAD_FIELDS_MAX, has no fields: all are missing. */
#pragma once

#include "base/check.h"
#include "base/value.h"
#include "columns/field_spec.h"

#define PAYLOAD_FIELDS_MAX ((size_t)1 << 20) /* it is read without a pause, in 3 ms */

/* The memory of a reader, which is used again for each payload. Zero-initialised: empty. */
struct payload_reader {
    struct value *items;
    uint32_t count, capacity;
    char *text; /* strings with escapes, decoded */
    size_t text_size, text_capacity;
};
void payload_reader_fini(struct payload_reader *r);

/* One field to read: the values at the end of the path that have one of these types. */
struct payload_field {
    const char *path;
    uint32_t takes; /* 1 << enum value_type, as in struct column_kind */
};

/* Reads one field. *ret borrows from the payload, and from the reader until the next call.
 * -ENOMEM. */
MUST_USE int payload_read(struct payload_reader *r, const struct payload_field *field, const void *payload, size_t size,
                          struct field_values *ret);
/* Reads `count` fields in one pass over the payload. Calls each(arg, i, values) for each field in
 * order. A result other than 0 ends the call. -ENOMEM, or that result. */
MUST_USE int payload_read_all(struct payload_reader *r, const struct payload_field *fields, size_t count,
                              const void *payload, size_t size,
                              int (*each)(void *arg, size_t i, const struct field_values *v), void *arg);
