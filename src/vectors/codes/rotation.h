/* rotation.h -- a random rotation in O(d log d). The values of a rotated vector are like
 * draws from one normal distribution in all dimensions. So a code that treats all dimensions
 * alike fits any data. */
#pragma once

#include "base/check.h"
#include <stdint.h>

#define ROTATION_BLOCK 128 /* numbers of rotated dimensions are multiples of it */

static inline uint32_t rotation_dims(uint32_t dim)
{
    return (dim + ROTATION_BLOCK - 1) / ROTATION_BLOCK * ROTATION_BLOCK;
}

/* Rotates x[0 .. dims) in place. dims comes from rotation_dims(). There is one fixed rotation
 * for each number of dimensions. flips: rotation_flips(dims). */
void rotation_apply(const uint64_t *flips, uint32_t dims, float *x);

/* Returns the random bits of the rotation; the caller frees them. NULL: no memory. */
MUST_USE uint64_t *rotation_flips(uint32_t dims);
uint64_t rotation_bytes(uint32_t dims);
