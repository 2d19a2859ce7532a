/* intrinsic_dimension.h -- the local intrinsic dimension: in how many directions the rows near a
 * row lie. It says how many links a row needs. It is 2 on a surface, 12 of handwritten digits, 16
 * of SIFT descriptors, 27 of word vectors, whatever the dimension of the rows.
 *
 * By maximum likelihood from the distances to the nearest neighbours: Levina and Bickel, "Maximum
 * likelihood estimation of intrinsic dimension" (NIPS 2004); averaged as MacKay and Ghahramani
 * propose (2005). */
#pragma once

#include "base/check.h"
#include "index/segment_index.h"
#include "vectors/rows.h"

#define DIMENSION_ROWS_MAX 16384 /* looked at: more see finer structure, but take longer */

/* *ret: 0 when it cannot be told, because most rows have no 10 neighbours at different
 * places. Looks at *ret_rows of the rows. Distances are those of METRIC_L2. Negative:
 * what the pause returned. */
MUST_USE int intrinsic_dimension_measure(const struct rows *vectors, uint32_t rows, uint32_t dim,
                                         const struct pause *pause, float *ret, uint32_t *ret_rows);
