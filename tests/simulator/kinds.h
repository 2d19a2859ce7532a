/* kinds.h -- how the indexes of a collection are made in a world: the vectors are the same, what a search walks over is not. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>

struct index_kind {
    Kith__Code code;
    uint32_t code_bits;
    Kith__Refine refine;
    Kith__Links links;
    bool approximate; /* a search that is not exact may tell distances that are not */
};

/* A half of all are left open. */
struct index_kind index_kind_draw(uint64_t *random);
/* "rabitq4 refined by f16, links packed" into text[80]. */
const char *index_kind_text(const struct index_kind *kind, char *text);
