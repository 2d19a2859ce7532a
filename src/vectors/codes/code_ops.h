/* code_ops.h -- a kind of code is a table of functions and properties, in one file with its
 * functions. Callers read the properties and call the functions through codes.h. They never compare
 * a kind with a name.
 *
 * kinds.def has a line for each kind: its number on disk, its name in the enum, its name for users,
 * and FILE of code_FILE.c. */
#pragma once

#include "vectors/index_options.h"
#include "vectors/metric.h"

#include <stdbool.h>
#include <stddef.h>

struct codes;
struct codes_query;
struct codes_training;
struct folded_row;

#define CODE_BITS_MAX 8 /* bits for each dimension that a user may choose */

enum code_feature {
    CODE_VALUES = 1 << 0, /* the code is the f32 values, so all distances are exact */
    CODE_WHOLE = 1 << 1,  /* codes whole numbers from 0 to 255 without loss under L2 */
};

/* A function that may be NULL says what NULL means. */
struct code_ops {
    const char *name;         /* for users, like "sq8" */
    const char *const *names; /* [bits chosen], like "rabitq4"; NULL: there are no bits to choose */
    uint32_t features;
    /* the most bits for each dimension that a user may choose; 0: no choice */
    uint8_t bits_max;
    uint8_t bits_default; /* if the user does not choose */
    uint8_t value_bits;   /* bits of a coded value; 0: the bits chosen */
    uint8_t precision;    /* significant bits of a float code; 0: it has no floats */
    /* the true k are among refine_k x k candidates; [bits chosen] */
    float refine_k[CODE_BITS_MAX + 1];

    uint32_t norm_bytes; /* of the norm that is stored beside each code */
    bool norms_l2_only;  /* only L2 has norms */
    uint32_t (*stride)(uint32_t dim, unsigned bits);

    /* Makes c->state, the result of training; all other members but the rows are set. -ENOMEM.
     * All functions from here to params_open() are NULL if the kind has no state. */
    int (*init)(struct codes *c);
    void (*fini)(struct codes *c);
    uint64_t (*state_bytes)(uint32_t dim, unsigned bits);
    int (*train)(struct codes *c, const struct codes_training *t);
    /* The state as f32 values, for a file. params_open() returns what is wrong with them, or
     * NULL. */
    uint32_t (*params_count)(const struct codes *c);
    void (*params_write)(const struct codes *c, float *params);
    const char *(*params_open)(struct codes *c, const float *params);

    /* Bytes that encode() needs as `work`. NULL: none. */
    size_t (*work_bytes)(uint32_t dim);
    /* Writes the code and the norm of x. Returns true if x is clipped: its code is far from it. */
    bool (*encode)(const struct codes *c, const float *x, void *code, void *norm, void *work);
    /* Whether all distances are exact, but for clipped rows. NULL: exact if CODE_VALUES. */
    bool (*is_lossless)(const struct codes *c);

    size_t (*query_bytes)(const struct codes *c);
    /* Sets all members of q but `codes`. room: query_bytes(), borrowed by q. */
    void (*query_init)(struct codes_query *q, const struct codes *c, const float *x, void *room);
    /* A stored row as a query, and distances between stored rows. All three are NULL if a graph
     * cannot be built on the kind. */
    void (*row_query)(struct codes_query *q, const struct codes *c, uint32_t row, void *weights);
    void (*fold_row)(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret);
    void (*between)(const struct codes *c, const void *code, const void *norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret);
};

/* The table of the kind with that number; NULL: there is none. */
const struct code_ops *code_ops_of(unsigned kind);
/* The name for users, like "rabitq4" or "auto"; "?" for an unknown kind. */
const char *code_name(unsigned kind, unsigned bits);
/* All names as "auto, f32, ... or rabitq", for errors. Valid until the next call in this thread. */
const char *code_names(void);

/* The kind of code that scores candidates again; CODE_AUTO: none, or not chosen yet. */
enum code_kind refine_code(enum refine_kind refine);
/* "auto", "none", or the name of the code. */
const char *refine_name(unsigned refine);

/* A kind of code with its bits. */
struct code_type {
    enum code_kind kind;
    unsigned bits; /* the bits chosen; 0 if there is no choice */
};

/* Bytes of a row: its code and its norm. */
uint32_t code_row_bytes(struct code_type type, enum metric metric, uint32_t dim);
/* Bits of a coded value. */
unsigned code_value_bits(struct code_type type);
/* The coarsest code that a graph is built on: SQ8, or f32 if rows of f32 are not longer. */
struct code_type code_to_build_on(enum metric metric, uint32_t dim);
/* Replaces *type by the next finer one of: SQ4, SQ8, RABITQ of 8 bits (left out unless it is much
 * shorter than f32), F32. False: *type is F32 or not in this list. */
bool code_take_finer(struct code_type *type, enum metric metric, uint32_t dim);
