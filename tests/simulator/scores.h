/* scores.h -- what the server must say of two vectors under each metric: computed here,
 * from the definition. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* The squared distance, the inner product, or the cosine. Exact for small whole
 * numbers but for the cosine. */
double score_of(Kith__Metric metric, uint32_t dim, const float *a, const float *b);
/* Is score `a` nearer than `b`, by more than what rounding makes of either? And are they the
 * same, but for rounding? */
bool score_is_nearer(Kith__Metric metric, double a, double b);
bool score_is_same(Kith__Metric metric, double a, double b);
/* Whether `stored` is what the server keeps of `written`: itself, or under cosine its
 * direction, of length 1. */
bool is_stored_as(Kith__Metric metric, uint32_t dim, const float *written, const float *stored);
const char *metric_text(Kith__Metric metric);
