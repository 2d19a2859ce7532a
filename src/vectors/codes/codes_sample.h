/* codes_sample.h -- statistics of a sample of rows, from which codes are trained: the sums and the
 * range of each dimension. */
#pragma once

#include "base/check.h"
#include "vectors/rows.h"
#include <stdbool.h>

/* Rows are added one by one, so that the caller can pause after each. Zero-initialised: empty. Owns
 * its arrays. */
struct codes_sample {
    double *sum, *sum_squares;
    float *min, *max;
    uint32_t rows;
    bool whole; /* all values are whole numbers from 0 to 255, also those of rows left out */
    /* rows with a squared distance above `limit` from this row are left out; NULL: none */
    const float *centre;
    float limit;
};

MUST_USE int codes_sample_init(struct codes_sample *p, uint32_t dim);
void codes_sample_fini(struct codes_sample *p);
/* Called before the first row is added. Finds centre and limit from some hundred rows of `vectors`,
 * so that outliers are left out: a few of them would make the steps of the codes coarse for all
 * other rows. At most 100 us. */
void codes_sample_trim(struct codes_sample *p, const struct rows *vectors, uint32_t count, uint32_t dim);
void codes_sample_add(struct codes_sample *p, const float *x, uint32_t dim);
/* The largest magnitude of a value. */
float codes_sample_largest(const struct codes_sample *p, uint32_t dim);
