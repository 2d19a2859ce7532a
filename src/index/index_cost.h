/* index_cost.h -- what a search costs on this machine, learned from the time
 * of earlier searches.
 *
 * segment_index_cost_ns() estimates the cost on no particular machine. A caller that has a clock
 * notes the measured time. The ratio of the two is an exponential mean with weight 1/16. There
 * is one for each segment and core; an index may be shared, this is not. */
#pragma once

#include <stdint.h>

struct index_cost {
    double factor; /* measured time over estimated time; 0: no search was noted */
};

static inline void index_cost_note(struct index_cost *c, double said_ns, uint64_t took_ns)
{
    if (said_ns <= 0)
        return;
    const double ratio = (double)took_ns / said_ns;
    c->factor = c->factor > 0 ? c->factor + (ratio - c->factor) / 16 : ratio;
}

static inline double index_cost_ns(const struct index_cost *c, double said_ns)
{
    return c->factor > 0 ? said_ns * c->factor : said_ns;
}
