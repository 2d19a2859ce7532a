/* value.h -- one value of a payload field, as JSON has it, and all values of one field of a
 * point. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_NULL, /* in a range: no bound */
    VALUE_BOOL,
    VALUE_INTEGER, /* a number written without point and exponent that fits an int64_t */
    VALUE_FLOAT,   /* any other number */
    VALUE_STRING,
    VALUE_OBJECT, /* a JSON object: `string` is its text */
};

struct value {
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct { /* borrowed; UTF-8, not ended by 0 */
            const char *bytes;
            size_t size;
        } string;
    };
};

/* The values of one field of one point, of the types that were asked for. A scalar is one item; an
 * array gives its elements. Nested arrays, null and other types are no items, but count for
 * `is_empty`. */
struct field_values {
    const struct value *items; /* borrowed */
    uint32_t count;
    bool is_empty; /* the field is missing, null or [] */
    bool has_null; /* the field is null, or an array that contains null */
};
