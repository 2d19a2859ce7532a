/* zoo_index.h -- Kith's index of a set of the zoo, in each state of the rows of a segment. */
#pragma once

#include "ann/zoo_truth.h"
#include "index/recall/query_sample.h"
#include "index/segment_index.h"

/* most earlier queries, and vectors of left-out rows, to measure the recall with */
#define ZOO_LENT_MAX 64

enum zoo_state {
    ZOO_UNINDEXED, /* rows have just come: codes and lists, no graph */
    ZOO_GROWING,   /* rows came one by one, and all are in the graph */
    ZOO_SEALED,    /* finished, written and opened again */
    /* sealed; then every second row was deleted, and the quarter of all rows that is nearest to one
     * point */
    ZOO_DELETED,
    ZOO_COMPACTED, /* the remaining rows, built again by two shares and sealed */
    ZOO_STATES
};
extern const char *const zoo_state_names[ZOO_STATES];

struct zoo_index {
    struct segment_index *index; /* owned */
    /* owned: the index whose bytes a sealed index borrows; NULL: none */
    struct segment_index *grown;
    struct rows vectors;
    uint8_t *column;   /* the rows as a segment stores them; owned */
    uint64_t *allowed; /* a bit for each row; owned; NULL: all */
    uint32_t *rows;    /* numbers in the set of the remaining rows; owned; NULL: the same numbers */
    uint32_t count, dim;
    float *asked; /* additional queries to measure the recall with; owned */
    struct query_sample queries;
    struct search_scratch *scratch; /* owned */
};

/* deleted: a byte for each row, not 0 for rows that ZOO_DELETED and ZOO_COMPACTED lack; other
 * states ignore it. lent: earlier queries; NULL: none. Negative errno. */
MUST_USE int zoo_index_build(struct zoo_index *x, const struct zoo_set *set, enum metric metric, enum zoo_state state,
                             const uint8_t *deleted, const struct query_sample *lent);
void zoo_index_fini(struct zoo_index *x);
/* Searches with default options, except ef if it is not 0. Writes row numbers of the set; returns
 * their number, or a negative errno. */
MUST_USE int zoo_index_search(const struct zoo_index *x, const float *query, uint32_t ef, uint32_t ret_rows[ZOO_K]);
