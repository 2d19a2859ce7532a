/* index_cost.h -- what a search costs on this machine, learnt from what searches took.
 *
 * segment_index_work() says what a search will do, and each search says what it did: nanoseconds on
 * no particular machine, for each way to look at rows. A caller that has a clock notes what a
 * search took. The mean ratio of both, over some 16 searches, is what later searches are expected
 * to differ by. One for each segment and core: an index may be shared, this is not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum index_way {
    INDEX_SCAN,          /* every row that may be a hit is compared */
    INDEX_WALK,          /* the index kind's own search, where most rows may be hits, */
    INDEX_FILTERED_WALK, /* and where few may */
    INDEX_WAYS
};

/* What a search does, or did, in nanoseconds on no particular machine. */
struct search_work {
    double ns[INDEX_WAYS];
    double other_ns; /* not of the index: selecting and testing rows */
};

struct index_cost {
    double factor[INDEX_WAYS]; /* of a search_work's ns; 0: none was noted */
    double retried;            /* share of searches that tested hits in vain */
};

/* Expected, of such work. */
double index_cost_ns(const struct index_cost *c, const struct search_work *work);
/* A search that did this work took so long; 0: there is no clock that can tell. */
void index_cost_note(struct index_cost *c, const struct search_work *work, uint64_t took_ns);
/* A search tested its hits; again: too few passed. */
void index_cost_note_tested(struct index_cost *c, bool again);
