/* segment_index_internal.h -- the members of a segment index, for the files of src/index only. */
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

/* The curve of a growing graph, and the state in which it was measured. */
struct recall_growing {
    /* owned; NULL: not measured, or there was nothing to measure with */
    struct recall_curve *curve;
    uint32_t rows;
    uint32_t lent; /* number of lent queries then */
};

struct segment_index {
    enum metric metric;
    uint32_t dim;
    bool sealed; /* opened in place; never advances */
    /* known rows: appended, or counted by advance() */
    uint32_t rows;
    struct index *index;        /* the state of the kind; owned */
    struct index_host host;     /* what `index` is lent: members of this struct */
    struct copies copies;       /* the equal rows among `rows` */
    struct unindexed unindexed; /* rows that the index does not hold yet */
    /* lent: rows that are alive, while the index grows; NULL: all */
    const uint64_t *alive;
    const struct query_sample *queries; /* lent, for measuring recall; NULL: none */
    /* rows are appended, and searched before the index holds them */
    bool is_fed;
    /* as given, with what the kind resolved */
    struct index_options options;
    /* with nothing open: the choices of finish(), or of the opened file */
    struct index_options resolved;
    bool is_resolved;
    struct index_facts facts; /* the facts that AUTOINDEX chooses by */
    bool is_planned;          /* `facts` is set */
    bool is_accepted;         /* the codes that were made stay */
    struct index_reasons reasons;
    /* result of the kind's reach(), which owns it; NULL: it was not called */
    struct index_reach *reach;
    float codes_recall; /* measured recall of the codes; 0: not measured */
    struct codes codes; /* used by searches; count 0 until trained; SQ8 at first while it grows */
    /* made by finish(), for searches of the sealed index; not initialised when `codes` serves */
    struct codes made;
    /* scores again in the sealed index; not initialised when the vectors do, or nothing does */
    struct codes refine;
    struct codes next;          /* will replace `codes`; being made */
    struct codes_sample sample; /* the sample that `next` is trained on */
    uint32_t sample_next;       /* the next row to add to the sample */
    uint32_t sample_rows;       /* `rows` when sampling began */
    /* a check of the codes that are being made; NULL: none is under way */
    struct codes_check *check;
    enum { RETRAIN_IDLE, RETRAIN_SAMPLING, RETRAIN_ENCODING, RETRAIN_CHECKING, RETRAIN_CHECKED } retrain;
    uint32_t epoch; /* grows each time that `codes` is replaced */
    /* of a finished or opened index; NULL: not measured */
    struct recall_curve *curve;
    struct recall_growing growing; /* while the index grows */
    /* a measurement of `curve` that a pause has ended; NULL: none */
    struct recall_measuring *measuring;
    void *header; /* memory of regions(), which lends it */
    float *quantiser;
};

static inline const struct index_kind *segment_index_kind(const struct segment_index *x)
{
    return x->index->kind;
}

/* Rows that the index holds or has left out. */
static inline uint32_t indexed_rows(const struct segment_index *x)
{
    return index_count(x->index);
}

/* Whether the index kind uses the segment's codes. */
static inline bool has_codes(const struct segment_index *x)
{
    return x->index->kind->features & INDEX_CODES;
}

/* Fills x->host. */
void segment_index_lend(struct segment_index *x);
