/* kinds.h -- how the indexes of a collection are made in a world. The vectors do not depend on it,
 * but the structure that a search reads does. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>

struct index_recipe {
    Kith__Metric metric;
    Kith__Code code;
    uint32_t code_bits;
    Kith__Refine refine;
    Kith__Links links;
    const char *index; /* "auto", or an exact kind: "flat", or "paged" of tests/paged */
    bool approximate;  /* an approximate search may report approximate distances */
};

/* Half of the recipes leave code, refine and links to AUTOINDEX. Metric and index kind come from
 * separate streams, so that they change nothing else that a seed draws. */
struct index_recipe index_recipe_draw(uint64_t *random, uint64_t *metrics);
/* Writes the recipe for people into text[100]: "cosine, index auto, rabitq4 refined by f16, links
 * packed". */
const char *index_recipe_text(const struct index_recipe *kind, char *text);
