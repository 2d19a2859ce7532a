/* index_cost.h -- what a search costs on this machine, learnt from what searches took.
 *
 * segment_index_cost_ns() says what a search costs on no particular machine. Whoever has a clock
 * notes what it took; the ratio is a moving mean over some 16 searches. One for each segment and
 * core: an index may be shared, this is not. */
#pragma once

#include <stdint.h>

struct index_cost {
    double factor; /* what searches took, as a multiple of what was said; 0: none was noted */
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
