/* query_sample.h -- queries that the recall of a graph is measured with, besides those made of its
 * rows (recall_queries.h). */
#pragma once

#include <stdint.h>

/* Borrows the vectors: count x dim without padding, of length 1 under cosine. */
struct query_sample {
    const float *vectors;
    uint32_t count;
    uint32_t live; /* the first so many came from clients; the others are guesses */
};
