/* fold.c -- folds floats to bytes, once a search. The loop has no exit, no comparison of floats
 * and no aliasing, so that compilers vectorise it. */
#include "vectors/codes/fold.h"

#include "vectors/vectors.h"
#include <math.h>
#include <string.h>

#define LEAST 1e-35f /* a query whose largest value is smaller folds to zeros */

struct folded fold_to_bytes(const float *restrict w, uint32_t count, int8_t *restrict ret)
{
    const float largest = vectors_largest(w, count), unit = largest > LEAST ? largest / 127 : 1, inverse = 1 / unit;
    int32_t sum = 0;
    if (!isfinite(largest)) {
        memset(ret, 0, count);
        return (struct folded){0, 1};
    }
    for (uint32_t i = 0; i < count; i++) {
        const float value = w[i] * inverse;
        const int32_t byte = (int32_t)(value + copysignf(0.5f, value));
        ret[i] = (int8_t)byte;
        sum += byte;
    }
    return (struct folded){sum, unit};
}
