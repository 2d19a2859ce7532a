/* answer.h -- the answer of a search or a fetch, in one form for all protocols. The router fills it
 * in, and the protocol writes it in its own form. Borrowed from the request until that ends. */
#pragma once

#include "base/point_id.h"
#include <stddef.h>
#include <stdint.h>

/* The points that were found. Those of a query's targets come one target after the other. */
struct answer {
    uint32_t count;
    size_t row_bytes; /* bytes of a vector */
    struct point_id *ids;
    float *scores;    /* of a query: the score of each point */
    uint32_t *counts; /* of a query: how many hits each target has */
    uint32_t query_count;
    float *vectors;          /* of each point, if the request asks for vectors */
    uint32_t *payload_sizes; /* of each point, if the request asks for payloads */
    uint8_t *payloads;       /* one payload after the other */
    uint64_t payload_bytes;
};
