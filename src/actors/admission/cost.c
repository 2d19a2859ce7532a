/* cost.c -- a table of measured costs, one entry for each power of two of the beam. The cost of
 * a walk is about proportional to its beam, so a measured beam gives an estimate for others. A
 * linear model was the other choice. A table needs no fit, and stays right where the line bends
 * because a graph no longer lies in the cache. */
#include "actors/admission/cost.h"

#include <math.h>

#define BEAM_DEFAULT 64 /* of a search that leaves the beam open */
#define STANDS_OUT   8  /* times the mean */
#define MEAN_OF      8
/* Estimates, until the first measurement. */
#define ROW_GUESS_NS   2000
#define POINT_GUESS_NS 500

static unsigned beam_class(uint32_t k, uint32_t ef)
{
    uint32_t beam = ef ? ef : BEAM_DEFAULT;
    beam = beam > k ? beam : k;
    unsigned log2 = 31u - (unsigned)__builtin_clz(beam);
    return log2 < COST_BEAMS ? log2 : COST_BEAMS - 1;
}

/* The cost of the nearest beam that was measured, in proportion; 0: none was. */
static uint64_t walk_ns(const struct cost_model *m, unsigned beam)
{
    for (unsigned far = 0; far < COST_BEAMS; far++) {
        if (far <= beam && m->walk_ns[beam - far])
            return m->walk_ns[beam - far] << far;
        if (beam + far < COST_BEAMS && m->walk_ns[beam + far])
            return (m->walk_ns[beam + far] >> far) + 1;
    }
    return 0;
}

static bool is_plain(const struct cost_query *q)
{
    return !q->exact && !q->filtered;
}

bool cost_wants_indexes(const struct cost_model *m, const struct cost_query *q)
{
    return !is_plain(q) || walk_ns(m, beam_class(q->k, q->ef)) == 0;
}

uint64_t cost_of_query(const struct cost_model *m, const struct cost_query *q)
{
    const uint64_t walk = is_plain(q) ? walk_ns(m, beam_class(q->k, q->ef)) : 0;
    const double ratio = is_plain(q) ? 0 : q->filtered ? m->filtered : m->exact;
    return walk ? walk : (uint64_t)((double)q->said_ns * (ratio > 0 ? ratio : 1)) + 1;
}

static void learn_ratio(double *mean, double ratio)
{
    ratio = *mean > 0 ? fmin(ratio, STANDS_OUT * *mean) : ratio;
    *mean = *mean > 0 ? *mean + (ratio - *mean) / MEAN_OF : ratio;
}

void cost_learn_query(struct cost_model *m, const struct cost_query *q, uint64_t ns)
{
    if (is_plain(q))
        cost_learn(&m->walk_ns[beam_class(q->k, q->ef)], ns);
    else if (q->said_ns)
        learn_ratio(q->filtered ? &m->filtered : &m->exact, (double)ns / (double)q->said_ns);
}

uint64_t cost_of_row(const struct cost_model *m)
{
    return m->row_ns ? m->row_ns : ROW_GUESS_NS;
}

uint64_t cost_of_point(const struct cost_model *m)
{
    return m->point_ns ? m->point_ns : POINT_GUESS_NS;
}
