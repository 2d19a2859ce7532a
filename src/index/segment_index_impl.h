/* segment_index_impl.h -- what a segment index is made of; for the files of src/index only. */
#pragma once

#include "index/flat.h"
#include "index/hnsw.h"
#include "index/segment_index.h"

struct segment_index {
    enum metric metric;
    uint32_t dim;
    bool sealed; /* opened in place: never advances */
    struct hnsw graph;
    struct hnsw_builder *builder; /* NULL until the first insertion */
    struct codes codes;           /* what searches use; count 0 until trained */
    struct codes next;            /* the codes that will replace them, while they are made */
    struct sq8_sample sample;     /* what they are being trained on */
    uint32_t sample_next;         /* row of the next sample */
    uint32_t sample_rows;         /* rows there were when sampling began */
    enum { RETRAIN_IDLE, RETRAIN_SAMPLING, RETRAIN_ENCODING } retrain;
    uint32_t epoch; /* counts swaps of the codes */
    void *header;   /* what regions() lends, made there */
    float *quantiser;
};
