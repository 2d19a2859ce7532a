/* segment_index_internal.h -- what a segment index is made of; for the files of src/index only. */
#pragma once

#include "index/autoindex.h"
#include "index/copies.h"
#include "index/flat/flat.h"
#include "index/kind.h"
#include "index/recall/recall_curve.h"
#include "index/segment_index.h"
#include "index/unindexed/unindexed.h"
#include "vectors/codes/codes.h"
#include "vectors/codes/codes_check.h"

/* The curve of a graph that grows, and the rows that it had then. */
struct recall_growing {
    /* owned; NULL: not measured, or there was nothing to measure with */
    struct recall_curve *curve;
    uint32_t rows;
    uint32_t lent; /* queries that were lent then */
};

struct segment_index {
    enum metric metric;
    uint32_t dim;
    bool sealed; /* opened in place: never advances */
    /* that we were told of: appended, or counted by advance() */
    uint32_t rows;
    struct index *index;        /* what the kind holds; owned */
    struct index_host host;     /* what it is lent: members of this struct */
    struct copies copies;       /* of what rows there are */
    struct unindexed unindexed; /* rows that the index does not hold yet */
    /* lent: rows that may be asked for, while it grows; NULL: all */
    const uint64_t *alive;
    const struct query_sample *queries; /* lent, to measure the recall with; NULL: none */
    /* rows are appended, and searched before the index has them */
    bool is_fed;
    /* as given; what the kind resolved as the index is made with */
    struct index_options options;
    struct index_options resolved; /* nothing open: what finish() makes, or what was opened */
    bool is_resolved;
    struct index_facts facts; /* what is chosen by */
    bool is_planned;          /* these are known */
    bool is_accepted;         /* the codes that were made are those that stay */
    struct index_reasons reasons;
    /* what the kind says of searches for each row; NULL: it has not searched. Its own */
    struct index_reach *reach;
    float codes_recall; /* measured; 0: not */
    struct codes codes; /* what searches use; count 0 until trained; SQ8 while it grows */
    /* by finish(), to be searched when sealed; not initialised when that is `codes` */
    struct codes made;
    /* what scores again when sealed; not initialised when the vectors do, or nothing */
    struct codes refine;
    struct codes next;         /* the codes that will replace them, while they are made */
    struct sq8_sample sample;  /* what they are being trained on */
    uint32_t sample_next;      /* row of the next sample */
    uint32_t sample_rows;      /* rows there were when sampling began */
    struct codes_check *check; /* of the codes that are being made; NULL: none is under way */
    enum { RETRAIN_IDLE, RETRAIN_SAMPLING, RETRAIN_ENCODING, RETRAIN_CHECKING, RETRAIN_CHECKED } retrain;
    uint32_t epoch; /* counts swaps of the codes */
    /* of a finished or opened index; NULL: it was not measured */
    struct recall_curve *curve;
    struct recall_growing growing;      /* while it is neither */
    struct recall_measuring *measuring; /* of the curve, when a pause ended it */
    void *header;                       /* what regions() lends, made there */
    float *quantiser;
};

static inline const struct index_kind *segment_index_kind(const struct segment_index *x)
{
    return x->index->kind;
}

/* Rows that the index holds. */
static inline uint32_t indexed_rows(const struct segment_index *x)
{
    return index_count(x->index);
}

/* Are there codes for searches to go by? */
static inline bool has_codes(const struct segment_index *x)
{
    return x->index->kind->features & INDEX_CODES;
}

/* What the index is lent. */
void segment_index_lend(struct segment_index *x);
