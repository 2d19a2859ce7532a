/* code_ops.h -- what a kind of code is: a table of functions and facts, in one file with what they
 * do. Callers ask for features and facts, and call the table through codes.h; they never compare a
 * kind with a name.
 *
 * kinds.def has a line for each kind: its number on the disk, its name in the enum, its name for
 * users, and code_FILE.c. */
#pragma once

#include "vectors/index_options.h"
#include "vectors/metric.h"

#include <stdbool.h>
#include <stddef.h>

struct codes;
struct codes_query;
struct codes_training;
struct folded_row;

#define CODE_BITS_MAX 8 /* a dimension, that may be asked for */

enum code_feature {
    CODE_VALUES = 1 << 0, /* the f32 values themselves: every distance is that of the vectors */
    CODE_WHOLE = 1 << 1,  /* whole numbers 0..255 are coded without loss under L2 */
};

/* Functions that may be NULL say what that means. */
struct code_ops {
    const char *name; /* as users write it, and in `names` with the bits asked for */
    const char *const *names;
    uint32_t features;
    uint8_t bits_max;     /* bits a dimension that may be asked for; 0: none */
    uint8_t bits_default; /* when they are left open */
    uint8_t value_bits;   /* of a coded value; 0: as asked for */
    uint8_t precision;    /* significant bits where the code is floats; else 0 */
    /* how many times k candidates the true k are among; [bits asked for] */
    float refine_k[CODE_BITS_MAX + 1];

    uint32_t norm_bytes; /* beside each code */
    bool norms_l2_only;  /* under other metrics nothing lies there */
    uint32_t (*stride)(uint32_t dim, unsigned bits);

    /* c->state: what training finds. Everything but the state and the rows is set. -ENOMEM.
     * NULL, all of them: there is no state. */
    int (*init)(struct codes *c);
    void (*fini)(struct codes *c);
    uint64_t (*state_bytes)(uint32_t dim, unsigned bits);
    int (*train)(struct codes *c, const struct codes_training *t);
    /* The state as f32 values, for a file. open() says what is wrong with them, or NULL. */
    uint32_t (*params_count)(const struct codes *c);
    void (*params_write)(const struct codes *c, float *params);
    const char *(*params_open)(struct codes *c, const float *params);

    /* Room that encode() works in. NULL: none. */
    size_t (*work_bytes)(uint32_t dim);
    /* Writes the code of x and what lies beside it. Returns whether the code does not describe
     * x. */
    bool (*encode)(const struct codes *c, const float *x, void *code, void *norm, void *work);
    /* No distance differs from that of the vectors, but for outliers. NULL: if CODE_VALUES. */
    bool (*is_lossless)(const struct codes *c);

    size_t (*query_bytes)(const struct codes *c);
    /* Sets all of q but codes. */
    void (*query_init)(struct codes_query *q, const struct codes *c, const float *x, void *room);
    /* A stored row as a query, and rows against rows. NULL, all of them, where building cannot
     * work on the kind. */
    void (*row_query)(struct codes_query *q, const struct codes *c, uint32_t row, void *weights);
    void (*fold_row)(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret);
    void (*between)(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret);
};

/* The kind of that number; NULL: there is none. */
const struct code_ops *code_ops_of(unsigned kind);
/* "rabitq4" and so on, as users write it; "auto", or "?". */
const char *code_name(unsigned kind, unsigned bits);
/* "auto, f32, ... and rabitq": for sentences. */
const char *code_names(void);

/* The kind that scores again; CODE_AUTO: none does, or the choice is open. */
enum code_kind refine_code(enum refine_kind refine);
/* "auto", "none", or the name of the code. */
const char *refine_name(unsigned refine);

/* What codes are made as. */
struct code_type {
    enum code_kind kind;
    unsigned bits; /* asked for; else 0 */
};

/* Memory of a row, with what lies beside it. */
uint32_t code_row_bytes(struct code_type type, enum metric metric, uint32_t dim);
/* Bits of a coded value. */
unsigned code_value_bits(struct code_type type);
/* The coarsest that a graph is built on: SQ8, or the values of rows that are as short. */
struct code_type code_to_build_on(enum metric metric, uint32_t dim);
/* Makes *type the next finer: SQ4, SQ8, RABITQ of 8 bits where it is much shorter than the values,
 * F32. False: nothing is finer, or *type is none of these. */
bool code_take_finer(struct code_type *type, enum metric metric, uint32_t dim);
