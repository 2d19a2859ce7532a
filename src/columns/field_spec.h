/* field_spec.h -- one indexed payload field of a collection: its path and the kind of its
 * column. */
#pragma once

#include "base/error.h"
#include <stdint.h>

#define FIELD_PATH_MAX 128 /* bytes, with the ending 0 */

/* Options of a column. There are none yet. In each that comes, 0 means "not given". */
struct field_options {
    uint32_t flags;
};

struct field_spec {
    /* part of the names of its column's regions; never given twice in a collection */
    uint16_t number;
    uint16_t kind; /* column_kind.id of its column */
    struct field_options options;
    /* Keys of nested JSON objects, the outermost first, with dots between them: "address.city". */
    char path[FIELD_PATH_MAX];
};

/* Checks path and kind. */
MUST_USE int field_spec_check(const struct field_spec *f, struct error *error);
