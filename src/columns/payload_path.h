/* payload_path.h -- reads the values of fields out of the payload of a point.
 *
 * A payload is any bytes. It has fields if it is a JSON object (RFC 8259). A path is keys with dots
 * between them: "address.city". Behind a key with [], the path goes on in each element of an array:
 * "stops[].city". At the end of a path, an array stands for its elements. Of a key that is there
 * twice, the last value counts. A payload that is no JSON object has no fields: all are missing. */
#pragma once

#include "base/check.h"
#include "base/pause.h"
#include "base/value.h"
#include "columns/field_spec.h"
#include "columns/predicate.h"

/* Values of one field of one payload that fit in a column. They take 2 MiB while they are read. */
#define PAYLOAD_VALUES_MAX ((uint32_t)64 << 10)

/* Reads payloads one after the other, and uses its memory again. Zero-initialised: empty. */
struct payload_reader {
    /* used in long payloads, which stay where they are; NULL: never pauses */
    const struct pause *pause;
    struct value *items;
    uint32_t capacity;
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
 * -ENOMEM; -EOVERFLOW: more than PAYLOAD_VALUES_MAX values; or what the pause returned. */
MUST_USE int payload_read(struct payload_reader *r, const struct payload_field *field, const void *payload, size_t size,
                          struct field_values *ret);
/* Reads `count` fields in one pass over the payload. Calls each(arg, i, values) for each field in
 * order, but for fields with more than PAYLOAD_VALUES_MAX values. A result other than 0 ends the
 * call. -ENOMEM, that result, or what the pause returned. */
MUST_USE int payload_read_all(struct payload_reader *r, const struct payload_field *fields, size_t count,
                              const void *payload, size_t size,
                              int (*each)(void *arg, size_t i, const struct field_values *v), void *arg);
/* Whether the payload passes a bound predicate, with any number of values: 1 or 0. -ENOMEM, or what
 * the pause returned. */
MUST_USE int payload_passes(struct payload_reader *r, const struct predicate *p, const void *payload, size_t size);
