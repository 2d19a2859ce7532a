/* kinds.h -- how the indexes of a collection are made in a world: the vectors are the same, what a
 * search walks over is not. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>

struct index_recipe {
    Kith__Metric metric;
    Kith__Code code;
    uint32_t code_bits;
    Kith__Refine refine;
    Kith__Links links;
    const char *index; /* "auto", or a kind that is exact: "flat", and "paged" of tests/paged */
    bool approximate;  /* a search that is not exact may tell distances that are not */
};

/* A half of all are left open. Metric and index kind come from streams of their own, so that what
 * else a seed draws does not depend on them. */
struct index_recipe index_recipe_draw(uint64_t *random, uint64_t *metrics);
/* "cosine, rabitq4 refined by f16, links packed" into text[100]. */
const char *index_recipe_text(const struct index_recipe *kind, char *text);
