/* intrinsic_dimension.h -- the local intrinsic dimension: the number of directions in
 * which the rows near a row lie. It says how many links a row needs. It is 2 on a surface,
 * 12 for handwritten digits, 16 for SIFT descriptors, 27 for word vectors, whatever the
 * dimension of the vectors.
 *
 * It is estimated by maximum likelihood from the distances to the nearest neighbours: Levina and
 * Bickel, "Maximum likelihood estimation of intrinsic dimension" (NIPS 2004); averaged as MacKay
 * and Ghahramani propose (2005). */
#pragma once

#include "base/check.h"
#include "index/segment_index.h"
#include "vectors/rows.h"

/* the largest sample; more rows show finer structure, but take longer */
#define DIMENSION_ROWS_MAX 16384

/* *ret: the dimension; 0 when most rows lack 10 neighbours at different places. *ret_rows: the
 * size of the sample. Distances are those of METRIC_L2. Returns 0 or what the pause returned. */
MUST_USE int intrinsic_dimension_measure(const struct rows *vectors, uint32_t rows, uint32_t dim,
                                         const struct pause *pause, float *ret, uint32_t *ret_rows);
