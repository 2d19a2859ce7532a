/* cost.c -- a table of measured costs, one entry for each power of two of the beam. The cost of
 * a walk is about proportional to its beam, so a measured beam gives an estimate for others. A
 * linear model was the other choice. A table needs no fit, and stays right where the line bends
 * because a graph no longer lies in the cache. */
#include "actors/admission/cost.h"

/* Estimates, until the first measurement. */
#define BEAM_DEFAULT      64 /* of a search that leaves the beam open */
#define STEP_GUESS_NS     1000
#define EXACT_VALUES_A_NS 8 /* values that a scan compares in a nanosecond */
#define ROW_GUESS_NS      2000
#define POINT_GUESS_NS    500

static unsigned beam_class(uint32_t k, uint32_t ef)
{
    uint32_t beam = ef ? ef : BEAM_DEFAULT;
    beam = beam > k ? beam : k;
    unsigned log2 = 31u - (unsigned)__builtin_clz(beam);
    return log2 < COST_BEAMS ? log2 : COST_BEAMS - 1;
}

/* The cost of the nearest beam that was measured, in proportion. */
static uint64_t walk_ns(const struct cost_model *m, unsigned beam)
{
    for (unsigned far = 0; far < COST_BEAMS; far++) {
        if (far <= beam && m->walk_ns[beam - far])
            return m->walk_ns[beam - far] << far;
        if (beam + far < COST_BEAMS && m->walk_ns[beam + far])
            return (m->walk_ns[beam + far] >> far) + 1;
    }
    return (uint64_t)STEP_GUESS_NS << beam;
}

uint64_t cost_of_query(const struct cost_model *m, bool exact, uint32_t k, uint32_t ef, uint64_t rows, uint32_t dim)
{
    if (!exact)
        return walk_ns(m, beam_class(k, ef));
    return m->exact_ns ? m->exact_ns : rows * dim / EXACT_VALUES_A_NS + 1;
}

void cost_learn_query(struct cost_model *m, bool exact, uint32_t k, uint32_t ef, uint64_t ns)
{
    cost_learn(exact ? &m->exact_ns : &m->walk_ns[beam_class(k, ef)], ns);
}

uint64_t cost_of_row(const struct cost_model *m)
{
    return m->row_ns ? m->row_ns : ROW_GUESS_NS;
}

uint64_t cost_of_point(const struct cost_model *m)
{
    return m->point_ns ? m->point_ns : POINT_GUESS_NS;
}
