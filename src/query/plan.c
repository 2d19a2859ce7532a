/* plan.c -- the cheapest of three ways to search with a filter, by what each would cost.
 *
 * Selecting takes time for every row that passes, so where most do it is dearer than the search
 * itself: 1 million rows are selected in 1 to 2 ms, and walked in 0.05. There the index is asked
 * for some more hits, and those are tested. Where few pass, comparing them all is cheaper than a
 * walk, of which most candidates would be taken away again. */
#include "query/plan.h"

#include <math.h>

/* Nanoseconds, on one core of a Sapphire Rapids. */
#define SELECT_ROW_NS   1.5 /* a row is found in a sorted column and gets its bit */
#define SELECT_WORD_NS  1.0 /* 64 rows that do not pass */
#define TEST_NS         30.0
#define PAYLOAD_TEST_NS 1000.0
#define ROW_NS          20.0
#define WALK_ROWS       24.0 /* rows compared by a walk for each candidate that it keeps */
#define SPARE           1.5  /* hits tested, as a multiple of those expected to be needed, */
#define SPARE_MIN       16   /* and so many more */
/* of the rows pass for sure, or hits are not tested: too few would be left */
#define TESTED_SHARE 0.25

static double select_ns(const struct plan_facts *f, const struct cardinality *c)
{
    return f->has_columns ? c->expected * SELECT_ROW_NS + f->rows / 64.0 * SELECT_WORD_NS : f->rows * PAYLOAD_TEST_NS;
}

static uint32_t tested_hits(const struct plan_facts *f, const struct cardinality *c)
{
    const double share = (double)(c->expected ? c->expected : 1) / f->rows;
    const double wanted = ceil(SPARE * f->k / share) + SPARE_MIN;
    return wanted < f->rows ? (uint32_t)wanted : f->rows;
}

struct plan plan_choose(const struct plan_facts *f, const struct cardinality *c)
{
    const double row_ns = f->row_ns > 0 ? f->row_ns : ROW_NS;
    const double walk_ns = f->walk_ns > 0 ? f->walk_ns : f->ef * WALK_ROWS * row_ns;
    const double selected_ns = select_ns(f, c);
    struct plan best = {PLAN_SCAN_MATCHES, *c, 0, selected_ns + c->expected * row_ns};
    if (f->rows == 0 || f->exact || c->max <= f->k)
        return best;
    const double share = (double)(c->expected ? c->expected : 1) / f->rows;
    const double filtered_ns = selected_ns + walk_ns / sqrt(share);
    if (filtered_ns < best.cost_ns)
        best = (struct plan){PLAN_FILTERED_WALK, *c, 0, filtered_ns};
    const uint32_t wanted = tested_hits(f, c);
    const double test_ns = f->has_columns ? TEST_NS : PAYLOAD_TEST_NS;
    const double tested_ns = walk_ns * fmax(1, (double)wanted / f->ef) + wanted * test_ns;
    if (c->min >= TESTED_SHARE * f->rows && c->min > f->k && tested_ns < best.cost_ns)
        best = (struct plan){PLAN_WALK_THEN_TEST, *c, wanted, tested_ns};
    return best;
}
