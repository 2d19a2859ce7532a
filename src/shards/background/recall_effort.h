/* recall_effort.h -- searches of a shard that find less than they ask for get a larger effort.
 *
 * A recall curve is measured when a segment is built, with the queries that had come until
 * then. Later ones may be harder. So what live searches find is compared with what they asked
 * for (actors/metrics/recall_watch.h). Where the mean of recent ones is lower by more than two
 * standard errors, walks of this shard keep 1.4 times as many candidates, then 1.4 times as
 * many again, up to 64 times; where hardly anything is missed, they keep fewer again. Each step
 * waits for new samples.
 *
 * One number for a shard on a reactor. Nothing of it is on the disk: after a start, some searches
 * teach it anew. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RECALL_EFFORT_SAMPLES 16 /* before a step up */
#define RECALL_EFFORT_MAX     64

/* All 0 at first. */
struct recall_effort_watch {
    double steps;        /* logarithm of the effort, to the base of a step */
    double samples;      /* since the last step; old ones count less */
    double sum, squares; /* of what they found beyond what they asked for */
    double allowed;      /* sum of what they might have missed */
};

/* Candidates that a walk keeps, as a multiple of what its curve says. */
float recall_effort(const struct recall_effort_watch *w);
/* A search asked for recall `wanted` (below 1) and had `got`. Returns whether the effort
 * changed. */
bool recall_effort_note(struct recall_effort_watch *w, float wanted, float got);
/* Hardly anything is known: the next search is worth comparing. */
bool recall_effort_is_unknown(const struct recall_effort_watch *w);
