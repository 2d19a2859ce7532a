/* fold.h -- the last step of folding a query: floats to signed bytes of one unit, so that a product
 * with codes is of integers. */
#pragma once

#include <stdint.h>

struct folded {
    int32_t sum; /* of the bytes */
    float unit;  /* w is about unit * byte */
};

/* ret[i] = w[i] / unit rounded to the nearest, where the largest of w comes to 127 or -127; zeros
 * when one of w is no finite number. */
struct folded fold_to_bytes(const float *restrict w, uint32_t count, int8_t *restrict ret);
