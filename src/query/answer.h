/* answer.h -- what a query or a fetch finds, as every protocol gets it from the router and writes
 * it in its own form. Borrowed from the request, until that ends. */
#pragma once

#include "base/point_id.h"
#include <stddef.h>
#include <stdint.h>

/* Points, of a query those of all its targets one after the other. */
struct answer {
    uint32_t count;
    size_t row_bytes; /* of a vector */
    struct point_id *ids;
    float *scores;    /* of a query */
    uint32_t *counts; /* of a query: hits of each target */
    uint32_t query_count;
    float *vectors;          /* when asked for; count rows */
    uint32_t *payload_sizes; /* when asked for */
    uint8_t *payloads;       /* one after the other */
    uint64_t payload_bytes;
};
