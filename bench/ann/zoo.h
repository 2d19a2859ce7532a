/* zoo.h -- rows and queries of many kinds: typical data, and data that breaks an index tuned for
 * embeddings only.
 *
 * A kind is one shape of data. A set follows from a kind, its sizes and a seed. Vectors are finite
 * f32, dim to a row without padding, never of length zero, not normalised. `ann --zoo` and the
 * tests of src/index use the same kinds. */
#pragma once

#include "base/check.h"

#include <stdint.h>

struct zoo_maker; /* defined in zoo.c */

struct zoo_kind {
    const char *name;
    const char *what; /* one line for people */
    void (*fill)(struct zoo_maker *m);
};

extern const struct zoo_kind zoo_kinds[];
extern const unsigned zoo_count;

/* NULL: no such name. */
const struct zoo_kind *zoo_find(const char *name);

struct zoo_set {
    uint32_t dim, count, query_count;
    float *rows;    /* count x dim; owned */
    float *queries; /* query_count x dim; owned */
};

/* -ENOMEM. */
MUST_USE int zoo_make(struct zoo_set *s, const struct zoo_kind *kind, uint32_t dim, uint32_t count,
                      uint32_t query_count, uint64_t seed);
void zoo_fini(struct zoo_set *s);
