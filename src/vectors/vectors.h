/* vectors.h -- what is done to the values of a vector: checks and normalising when it arrives,
 * exact distances after. */
#pragma once

#include "vectors/metric.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scales to length 1 in place; false when the length is zero or not finite. */
bool vectors_normalise(float *v, uint32_t dim);
/* The index of the first NaN or infinity, or -1. */
int64_t vectors_first_bad(const float *v, size_t n);
/* The largest magnitude of a value. */
float vectors_largest(const float *v, uint32_t dim);
/* The exact distance of two rows: to what the sum of floats errs, whatever their magnitude. */
float vectors_distance(enum metric metric, const float *a, const float *b, uint32_t dim);
/* The same for `count` rows, which lie at rows[]. */
void vectors_distances(enum metric metric, const float *query, const void *const *rows, uint32_t count, uint32_t dim,
                       float *ret);
