/* scores.h -- the score that the server must give two vectors under each metric, computed from the
 * definition. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* The squared distance, the inner product, or the cosine. The first two are exact for small whole
 * numbers. */
double score_of(Kith__Metric metric, uint32_t dim, const float *a, const float *b);
/* Whether score `a` is nearer than `b` by more than rounding explains, and whether the two are the
 * same but for rounding. */
bool score_is_nearer(Kith__Metric metric, double a, double b);
bool score_is_same(Kith__Metric metric, double a, double b);
/* Whether `stored` is what the server must keep of `written`: the same vector, or under cosine the
 * vector scaled to length 1. */
bool is_stored_as(Kith__Metric metric, uint32_t dim, const float *written, const float *stored);
const char *metric_text(Kith__Metric metric);
