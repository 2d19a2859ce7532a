/* zoo_index.h -- Kith's index of a set of the zoo in each state that the rows of
 * a segment can be in. */
#pragma once

#include "ann/zoo_truth.h"
#include "index/recall/query_sample.h"
#include "index/segment_index.h"

/* queries that came, and vectors of rows that are left out, to measure the recall with */
#define ZOO_LENT_MAX 64

enum zoo_state {
    ZOO_UNINDEXED, /* rows have just come: codes and lists, no graph */
    ZOO_GROWING,   /* rows came one by one, all are in the graph */
    ZOO_SEALED,    /* finished, written and opened again */
    /* sealed; then every second row was deleted, and the quarter of all rows that
     * is nearest to a place */
    ZOO_DELETED,
    ZOO_COMPACTED, /* what that left, built again by two shares and sealed */
    ZOO_STATES
};
extern const char *const zoo_state_names[ZOO_STATES];

struct zoo_index {
    struct segment_index *index; /* owned */
    struct segment_index *grown; /* owned: what a sealed index borrows its bytes from; NULL */
    struct rows vectors;
    uint8_t *column;   /* the rows as a segment has them; owned */
    uint64_t *allowed; /* a bit a row; owned; NULL: all */
    uint32_t *rows;    /* numbers in the set of the rows that are left; owned; NULL: the same */
    uint32_t count, dim;
    float *asked; /* what the recall is measured with besides rows; owned */
    struct query_sample queries;
    struct search_scratch *scratch; /* owned */
};

/* deleted: a byte a row, not 0 for those that ZOO_DELETED and ZOO_COMPACTED lack; the other states
 * do not look at it. lent: queries that have come before; NULL: none. Negative errno. */
MUST_USE int zoo_index_build(struct zoo_index *x, const struct zoo_set *set, enum metric metric, enum zoo_state state,
                             const uint8_t *deleted, const struct query_sample *lent);
void zoo_index_fini(struct zoo_index *x);
/* At the defaults, but for ef when it is not 0. Writes numbers of the set; returns how many,
 * or a negative errno. */
MUST_USE int zoo_index_search(const struct zoo_index *x, const float *query, uint32_t ef, uint32_t ret_rows[ZOO_K]);
