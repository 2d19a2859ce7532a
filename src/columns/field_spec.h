/* field_spec.h -- what one indexed payload field of a collection is: its path and
 * the kind of its column. */
#pragma once

#include "base/error.h"
#include <stdint.h>

#define FIELD_PATH_MAX 128 /* bytes, with the ending 0 */

/* On disk and on the wire: never renumbered. */
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

/* What a user may ask of a column. None yet; 0 is "not given" in all that come. */
struct field_options {
    uint32_t flags;
};

struct field_spec {
    uint16_t number; /* names its column in container regions; never reused in its collection */
    enum field_kind kind;
    struct field_options options;
    /* Keys of nested JSON objects from the outermost on, with dots between them: "address.city". */
    char path[FIELD_PATH_MAX];
};

/* "keyword" and so on; NULL: it is none. */
const char *field_kind_name(enum field_kind kind);
/* Path and kind. */
MUST_USE int field_spec_check(const struct field_spec *f, struct error *error);
