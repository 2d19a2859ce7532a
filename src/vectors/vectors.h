/* vectors.h -- checks, normalising and exact distances of vectors. */
#pragma once

#include "vectors/metric.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scales v to length 1 in place. False: its length is zero or not finite. */
bool vectors_normalise(float *v, uint32_t dim);
/* The index of the first NaN or infinity, or -1. */
int64_t vectors_first_bad(const float *v, size_t n);
/* The largest magnitude of a value. */
float vectors_largest(const float *v, uint32_t dim);
/* The exact distance of two rows: right to the rounding of a sum of floats, at any magnitude. */
float vectors_distance(enum metric metric, const float *a, const float *b, uint32_t dim);
/* The same for `count` rows, at the addresses rows[]. */
void vectors_distances(enum metric metric, const float *query, const void *const *rows, uint32_t count, uint32_t dim,
                       float *ret);
