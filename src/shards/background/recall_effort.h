/* recall_effort.h -- searches of a shard that find less than they ask for get a larger effort.
 *
 * A recall curve is measured when a segment is built, with the queries that came until then. Later
 * queries may be harder. So the recall that live searches reach is compared with the recall that
 * they asked for (actors/metrics/recall_watch.h). When the mean of recent searches is lower by more
 * than two standard errors, walks of this shard keep 1.4 times as many candidates. Further steps
 * multiply that by 1.4 again, up to 64 times. When searches miss much less than they may, the
 * effort goes down a step. Each step needs new samples.
 *
 * There is one effort for each shard on a reactor. It is not on the disk: after a start
 * it is learned again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RECALL_EFFORT_SAMPLES 16 /* samples before a step up */
#define RECALL_EFFORT_MAX     64

/* Zero-initialised at first. */
struct recall_effort_watch {
    double steps;        /* logarithm of the effort, to the base of a step */
    double samples;      /* how many came since the last step; old ones count less */
    double sum, squares; /* of (recall reached - recall asked for) */
    double allowed;      /* sum of (1 - recall asked for) */
};

/* The factor by which a walk keeps more candidates than its recall curve says. */
float recall_effort(const struct recall_effort_watch *w);
/* Notes that a search asked for recall `wanted` (below 1) and reached `got`. Returns
 * whether the effort changed. */
bool recall_effort_note(struct recall_effort_watch *w, float wanted, float got);
/* There are so few samples that the next search should be compared. */
bool recall_effort_is_unknown(const struct recall_effort_watch *w);
