/* cost.c -- a walk costs about as much as its beam is wide, so what was learned of one beam says
 * something of the next. A linear model through all of them was the other choice; a table needs no
 * fit, and is right where the line bends: where a graph no longer lies in the cache. */
#include "actors/admission/cost.h"

/* Guesses, until the first was measured. */
#define BEAM_DEFAULT      64 /* of a search that leaves it open */
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

/* From the nearest beam that is known, in proportion. */
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
