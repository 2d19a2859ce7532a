/* fold.h -- the last step of folding a query: floats to signed bytes of one unit, so that a product with codes is of integers. */
#pragma once

#include <stdint.h>

#define FOLD_LANES 16

struct folded {
    int32_t sum; /* of the bytes */
    float unit;  /* w is about unit * byte */
};

/* ret[i] = w[i] / unit rounded to the nearest of -128..127. unit: 0 lets the largest of w come to 127 or -127. count is a multiple of FOLD_LANES. */
struct folded fold_to_bytes(const float *w, uint32_t count, float unit, int8_t *ret);
