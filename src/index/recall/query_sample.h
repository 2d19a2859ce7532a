/* query_sample.h -- queries that the caller lends for measuring recall, besides those made of
 * rows (recall_queries.h). */
#pragma once

#include <stdint.h>

/* Borrows the vectors: count x dim without padding; for cosine of length 1. */
struct query_sample {
    const float *vectors;
    uint32_t count;
    uint32_t live; /* so many came from clients; the others, behind them, are guesses */
};
