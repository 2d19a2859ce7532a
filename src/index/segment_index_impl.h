/* segment_index_impl.h -- what a segment index is made of; for the files of src/index only. */
#pragma once

#include "index/autoindex.h"
#include "index/flat/flat.h"
#include "index/hnsw/hnsw.h"
#include "index/recall/recall_curve.h"
#include "index/segment_index.h"
#include "index/unindexed/unindexed.h"
#include "vectors/codes/codes.h"
#include "vectors/codes/codes_check.h"

/* The curve of a graph that grows, and the rows that it had then. */
struct recall_growing {
    struct recall_curve *curve; /* owned; NULL: not measured, or there was nothing to measure with */
    uint32_t rows;
    uint32_t lent; /* queries that were lent then */
};

struct segment_index {
    enum metric metric;
    uint32_t dim;
    bool sealed;          /* opened in place: never advances */
    uint32_t rows;        /* that we were told of: appended, or counted by advance() */
    struct copies copies; /* of what rows there are; graph.copies */
    struct hnsw graph;
    struct unindexed unindexed;         /* rows that the graph does not hold yet */
    const uint64_t *alive;              /* lent: rows that may be asked for, while it grows; NULL: all */
    const struct query_sample *queries; /* lent, to measure the recall with; NULL: none */
    bool is_fed;                        /* rows are appended, and searched before the graph has them */
    struct hnsw_builder *builder;       /* NULL until the first insertion */
    struct index_options options;       /* as given; m and ef_construct as links are made with */
    float intrinsic_dimension;          /* of the rows, when the first were linked; 0: not measured */
    struct index_options resolved;      /* nothing open: what finish() makes, or what was opened */
    bool is_resolved;
    struct index_facts facts; /* what is chosen by */
    bool is_planned;          /* these are known */
    bool is_accepted;         /* the codes that were made are those that stay */
    struct index_reasons reasons;
    float codes_recall;         /* measured; 0: not */
    struct codes codes;         /* what searches use; count 0 until trained; SQ8 while it grows */
    struct codes made;          /* by finish(), to be searched when sealed; not initialised when that is `codes` */
    struct codes refine;        /* what scores again when sealed; not initialised when the vectors do, or nothing */
    struct links_packed packed; /* the links, when sealed; shape.max is 0 when they stay as they are */
    struct codes next;          /* the codes that will replace them, while they are made */
    struct sq8_sample sample;   /* what they are being trained on */
    uint32_t sample_next;       /* row of the next sample */
    uint32_t sample_rows;       /* rows there were when sampling began */
    struct codes_check *check;  /* of the codes that are being made; NULL: none is under way */
    enum { RETRAIN_IDLE, RETRAIN_SAMPLING, RETRAIN_ENCODING, RETRAIN_CHECKING, RETRAIN_CHECKED } retrain;
    uint32_t epoch;                     /* counts swaps of the codes */
    struct recall_curve *curve;         /* of a finished or opened index; NULL: it was not measured */
    struct recall_growing growing;      /* while it is neither */
    struct recall_measuring *measuring; /* of the curve, when a pause ended it */
    void *header;                       /* what regions() lends, made there */
    float *quantiser;
};
