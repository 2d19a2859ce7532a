/* field_spec.h -- one indexed payload field of a collection: its path and the kind of its
 * column. */
#pragma once

#include "base/error.h"
#include <stdint.h>

#define FIELD_PATH_MAX 128 /* bytes, with the ending 0 */

/* The numbers are on disk and on the wire, and never change. */
enum field_kind {
    FIELD_KEYWORD = 1,
    FIELD_INTEGER = 2,
    FIELD_FLOAT = 3,
    FIELD_BOOL = 4,
    FIELD_DATETIME = 5,
    FIELD_UUID = 6,
    FIELD_GEO = 7,
    FIELD_TEXT = 8,
};

/* Options of a column. There are none yet. In each that comes, 0 means "not given". */
struct field_options {
    uint32_t flags;
};

struct field_spec {
    /* part of the names of its column's regions; never given twice in a collection */
    uint16_t number;
    enum field_kind kind;
    struct field_options options;
    /* Keys of nested JSON objects, the outermost first, with dots between them: "address.city". */
    char path[FIELD_PATH_MAX];
};

/* "keyword" and so on; NULL: there is no such kind. */
const char *field_kind_name(enum field_kind kind);
/* Checks path and kind. */
MUST_USE int field_spec_check(const struct field_spec *f, struct error *error);
