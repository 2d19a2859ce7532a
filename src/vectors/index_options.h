/* index_options.h -- what a collection may ask of its indexes. 0 is "not given" everywhere:
 * whoever builds chooses. */
#pragma once

#include <stdint.h>

/* How the rows that a walk scores are written: less precise is less to fetch. On
 * disk: never renumbered. */
enum code_kind {
    CODE_AUTO = 0,
#define CODE_KIND(number, id, name, file) CODE_##id = number,
#include "vectors/codes/kinds.def"
#undef CODE_KIND
};

/* By what the best candidates are scored again. On disk: never renumbered. */
enum refine_kind {
    REFINE_AUTO = 0,
    REFINE_NONE = 1,
    REFINE_F32 = 2, /* the segment's own vectors */
    REFINE_F16 = 3,
    REFINE_BF16 = 4,
};

enum links_kind { LINKS_AUTO = 0, LINKS_PLAIN = 1, LINKS_PACKED = 2 };

struct index_options {
    uint16_t m;            /* links a row on upper layers, 2m on the lowest; 2..256, default 16 */
    uint16_t ef_construct; /* candidates while building; default 100 */
    uint64_t seed;         /* of the layers: same input and seed, same graph */
    enum code_kind code;
    uint8_t code_bits; /* a dimension, of kinds that leave them open (vectors/codes/code_ops.h) */
    enum refine_kind refine;
    float refine_k; /* candidates scored again, as a multiple of k; at least 1 */
    enum links_kind links;
    uint16_t kind; /* the number of an index kind (index/kind.h) */
    /* OPEN_M, OPEN_EF: not given, and chosen anew by the first rows that are linked */
    uint8_t open;
};

enum { OPEN_M = 1, OPEN_EF = 2 };
