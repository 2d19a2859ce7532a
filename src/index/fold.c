/* fold.c -- done once a search, between two cache misses: in lanes, so that compilers use vectors without being told to
 * forget what a NaN is. */
#include "index/fold.h"

#include <math.h>

#define LEAST 1e-35f /* of a largest value: smaller queries fold to zeros */

static float largest(const float *w, uint32_t count)
{
    float lanes[FOLD_LANES] = {0}, max = 0;
    for (uint32_t i = 0; i < count; i += FOLD_LANES)
        for (uint32_t lane = 0; lane < FOLD_LANES; lane++) {
            const float size = fabsf(w[i + lane]);
            lanes[lane] = size > lanes[lane] ? size : lanes[lane];
        }
    for (uint32_t lane = 0; lane < FOLD_LANES; lane++)
        max = lanes[lane] > max ? lanes[lane] : max;
    return max;
}

struct folded fold_to_bytes(const float *w, uint32_t count, float unit, int8_t *ret)
{
    if (unit == 0) {
        const float max = largest(w, count);
        unit = max > LEAST ? max / 127 : 1;
    }
    const float inverse = 1 / unit;
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        float value = w[i] * inverse;
        value = value < 127 ? value : 127;
        value = value > -128 ? value : -128;
        const int32_t byte = (int32_t)(value + copysignf(0.5f, value));
        ret[i] = (int8_t)byte;
        sum += byte;
    }
    return (struct folded){sum, unit};
}
