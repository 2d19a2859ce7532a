/* payload_path.h -- the values of fields, out of the payload of a point.
 *
 * A payload is opaque bytes; one that is a JSON object (RFC 8259) has fields. A path is keys with
 * dots between them: "address.city". A key that ends with [] goes on in each element of an array:
 * "stops[].city". At the end of a path an array stands for its elements. A key that is there twice
 * counts as it is written last. A payload that is no JSON, or larger than PAYLOAD_FIELDS_MAX, has
 * no fields: all are missing. */
#pragma once

#include "base/check.h"
#include "base/value.h"
#include "columns/field_spec.h"

#define PAYLOAD_FIELDS_MAX ((size_t)1 << 20) /* 3 ms; it is read without a pause */

/* What is read into, for use again and again. All zeros is empty. */
struct payload_reader {
    struct value *items;
    uint32_t count, capacity;
    char *text; /* strings with escapes, decoded */
    size_t text_size, text_capacity;
};
void payload_reader_fini(struct payload_reader *r);

/* Reads one field. What *ret lends lies in the payload and in the reader, until
 * the next call. -ENOMEM. */
MUST_USE int payload_read(struct payload_reader *r, const char *path, const void *payload, size_t size,
                          struct field_values *ret);
/* Reads `count` fields with one walk over the payload: each(arg, i, values) is called for each in
 * turn and ends the work by another result than 0. -ENOMEM, or that result. */
MUST_USE int payload_read_all(struct payload_reader *r, const char *const *paths, size_t count, const void *payload,
                              size_t size, int (*each)(void *arg, size_t i, const struct field_values *v), void *arg);
