/* index_cost.h -- the cost of a search on this machine, learnt from the times of earlier searches.
 *
 * segment_index_work() estimates the work of a search before it runs, and the search adds up the
 * work that it did. Both are nanoseconds on a reference machine, for each way to find rows. A
 * caller with a clock notes the measured time. The ratio of measured to estimated time is an
 * exponential mean with weight 1/16; the expected time is the estimate times this ratio. Each
 * segment has one struct index_cost on each core, because an index may be shared between cores. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum index_way {
    INDEX_SCAN,          /* compares every row that may be a hit */
    INDEX_WALK,          /* the search of the index kind, where most rows may be hits */
    INDEX_FILTERED_WALK, /* the same search, where few rows may be hits */
    INDEX_WAYS
};

/* The work of a search, in nanoseconds on the reference machine. */
struct search_work {
    double ns[INDEX_WAYS];
    double other_ns; /* outside the index: selecting and testing rows */
};

struct index_cost {
    double factor[INDEX_WAYS]; /* measured over estimated time; 0: nothing was measured */
    double retried;            /* share of searches in which too few tested hits passed, 0 to 1 */
};

/* The expected time of that work on this core. */
double index_cost_ns(const struct index_cost *c, const struct search_work *work);
/* Notes the measured time of a search that did this work. 0 is ignored: the clock stood still. */
void index_cost_note(struct index_cost *c, const struct search_work *work, uint64_t took_ns);
/* Notes that a search tested its hits. again: too few passed, so it searched again. */
void index_cost_note_tested(struct index_cost *c, bool again);
