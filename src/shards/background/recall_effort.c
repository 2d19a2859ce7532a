/* recall_effort.c -- the effort goes up one step when compared searches miss clearly more than they
 * may, and down one step when they miss clearly less. Older samples count less. */
#include "shards/background/recall_effort.h"

#include <math.h>

#define STEP 1.4
#define KEPT (1 - 1.0 / 128) /* a new sample multiplies the weight of all older ones by this */
/* a step up needs a mean that is so many standard errors below the recall asked for */
#define ERRORS 2
#define DOWN   64 /* samples before a step down */
/* a step down needs searches that miss less than this share of what they may miss */
#define SPARE 0.25

float recall_effort(const struct recall_effort_watch *w)
{
    return (float)fmin(pow(STEP, w->steps), RECALL_EFFORT_MAX);
}

static bool step(struct recall_effort_watch *w, double by)
{
    *w = (struct recall_effort_watch){.steps = w->steps + by};
    return true;
}

bool recall_effort_note(struct recall_effort_watch *w, float wanted, float got)
{
    const double beyond = (double)got - wanted;
    w->samples = w->samples * KEPT + 1;
    w->sum = w->sum * KEPT + beyond;
    w->squares = w->squares * KEPT + beyond * beyond;
    w->allowed = w->allowed * KEPT + 1 - wanted;
    const double mean = w->sum / w->samples, variance = fmax(w->squares / w->samples - mean * mean, 0);
    const double error = sqrt(variance / w->samples), allowed = w->allowed / w->samples;
    if (w->samples >= RECALL_EFFORT_SAMPLES && mean + ERRORS * error < 0 && recall_effort(w) < RECALL_EFFORT_MAX)
        return step(w, 1);
    if (w->samples >= DOWN && allowed - mean < SPARE * allowed && w->steps > 0)
        return step(w, -1);
    return false;
}

bool recall_effort_is_unknown(const struct recall_effort_watch *w)
{
    return w->samples < RECALL_EFFORT_SAMPLES;
}
