/* fold.h -- the last step of folding a query: floats become signed bytes of one unit, so that
 * products with codes are integers. */
#pragma once

#include <stdint.h>

struct folded {
    int32_t sum; /* of the bytes */
    float unit;  /* w is about unit * byte */
};

/* ret[i] is w[i] / unit, rounded to the nearest; the value of the largest magnitude becomes 127
 * or -127. All zeros when a value of w is not finite. */
struct folded fold_to_bytes(const float *restrict w, uint32_t count, int8_t *restrict ret);
