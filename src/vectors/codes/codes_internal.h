/* codes_internal.h -- what a kind of code is made of; for codes.c and the files of the kinds. */
#pragma once

#include "vectors/codes/codes.h"

struct code_ops {
    uint32_t norm_bytes; /* beside each code */
    bool norms_l2_only;  /* under other metrics nothing lies there */
    uint32_t (*stride)(uint32_t dim, unsigned bits);
    /* Allocates what training fills; the stride is set. -ENOMEM, or -EINVAL for
     * bits there are none of. */
    int (*init)(struct codes *c, unsigned bits);
    void (*fini)(struct codes *c);
    int (*train)(struct codes *c, const struct codes_training *t);
    /* Writes the code of x and what lies beside it. Returns whether the code does not describe
     * x. */
    bool (*encode)(const struct codes *c, const float *x, void *code, void *norm);
    /* that encode() works in, at c->work; NULL: nothing */
    size_t (*work_bytes)(const struct codes *c);
    size_t (*query_bytes)(const struct codes *c);
    /* Sets all of q but codes. */
    void (*query_init)(struct codes_query *q, const struct codes *c, const float *x, void *room);
    /* Rows against rows; NULL where building cannot work on them. */
    void (*query_of_row)(struct codes_query *q, const struct codes *c, uint32_t row, void *weights);
    void (*fold_row)(const struct codes *c, uint32_t row, void *weights, struct folded_row *ret);
    void (*between)(const struct codes *c, const void *code, union norm norm, const void *const *weights,
                    const struct folded_row *folded, uint32_t n, float *ret);
    uint32_t (*params_count)(const struct codes *c);
    void (*params_write)(const struct codes *c, float *params);
    const char *(*params_open)(struct codes *c, const float *params);
    uint64_t (*params_bytes)(const struct codes *c); /* memory of them */
};

extern const struct code_ops code_f32, code_f16, code_bf16, code_sq8, code_sq4, code_rabitq;

/* Room for the list of outliers. -ENOMEM. */
MUST_USE int codes_reserve_outliers(struct codes *c);

#define DOTS 64 /* rows scored at a time: the products stay in the first cache */
