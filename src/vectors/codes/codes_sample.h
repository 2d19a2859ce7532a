/* codes_sample.h -- what training needs to know of rows: sums and ranges of each dimension. */
#pragma once

#include "base/check.h"
#include "vectors/rows.h"
#include <stdbool.h>

/* The ranges of a sample, gathered row by row so that it can stop at any of them.
 * Zero-initialised is empty; owned. */
struct codes_sample {
    double *sum, *sum_squares;
    float *min, *max;
    uint32_t rows;
    bool whole; /* all values are whole numbers 0..255, of those left out, too */
    /* a row; those farther from it than `limit`, squared, are left out. NULL: none is */
    const float *centre;
    float limit;
};

MUST_USE int codes_sample_init(struct codes_sample *p, uint32_t dim);
void codes_sample_fini(struct codes_sample *p);
/* Leaves out of the sample what lies far outside of the rest: a few rows must not take the
 * steps of all others. Looks at some hundred rows of vectors; the rest of the sample is then
 * added. At most 100 us. */
void codes_sample_trim(struct codes_sample *p, const struct rows *vectors, uint32_t count, uint32_t dim);
void codes_sample_add(struct codes_sample *p, const float *x, uint32_t dim);
/* The largest magnitude of a value. */
float codes_sample_largest(const struct codes_sample *p, uint32_t dim);
