/* rotation.h -- a random rotation that costs O(d log d): any vector becomes one whose values are
 * like draws from a normal distribution, all dimensions alike, so that a code that is the same for
 * all dimensions fits any data. */
#pragma once

#include "base/check.h"
#include <stdint.h>

#define ROTATION_BLOCK 128 /* dimensions come in multiples of it */

static inline uint32_t rotation_dims(uint32_t dim)
{
    return (dim + ROTATION_BLOCK - 1) / ROTATION_BLOCK * ROTATION_BLOCK;
}

/* Rotates x[0 .. dims) in place; dims is of rotation_dims(). The rotation of a number of dimensions
 * is always the same one; flips: rotation_flips() of it. */
void rotation_apply(const uint64_t *flips, uint32_t dims, float *x);

/* The random bits of it, owned by the caller, who frees them. NULL when there is no memory. */
MUST_USE uint64_t *rotation_flips(uint32_t dims);
uint64_t rotation_bytes(uint32_t dims);
