/* codes_internal.h -- what codes.c and the files of the kinds share. */
#pragma once

#include "vectors/codes/code_ops.h"
#include "vectors/codes/codes.h"

/* Room for the list of outliers. -ENOMEM. */
MUST_USE int codes_reserve_outliers(struct codes *c);
/* Room for the code of a row, and what lies beside it, below count. -ENOMEM. */
MUST_USE int codes_reserve(struct codes *c, uint32_t count);

/* Encodes x as that row. Returns whether the code does not describe it. */
static inline bool codes_encode(struct codes *c, uint32_t row, const float *x, void *work)
{
    return c->ops->encode(c, x, row_array_at(&c->rows, row), c->norm_bytes ? row_array_at(&c->norms, row) : NULL, work);
}

#define DOTS 64 /* rows scored at a time: the products stay in the first cache */
