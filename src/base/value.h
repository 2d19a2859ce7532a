/* value.h -- one value of a payload field, as JSON gives it, and what a field of a point holds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_NULL, /* in a range: no bound */
    VALUE_BOOL,
    VALUE_INTEGER, /* a number written without point and exponent, which an int64_t holds */
    VALUE_FLOAT,   /* any other number */
    VALUE_STRING,
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

/* What one field of one point holds. A scalar is one item; an array is its scalars. Objects and
 * arrays within arrays are no items, and neither is null, but they count for `is_empty`. */
struct field_values {
    const struct value *items; /* borrowed */
    uint32_t count;
    bool is_empty; /* missing, null or [] */
    bool has_null; /* null, or an array that holds it */
};
