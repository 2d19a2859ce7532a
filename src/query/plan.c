/* plan.c -- the cheapest of three ways to search with a filter, by what each would cost.
 *
 * Selecting takes time for every row that passes, so where most do it is dearer than the search
 * itself: 1 million rows are selected in 1 to 2 ms, and walked in 0.05. There the index is asked
 * for some more hits, and those are tested. Where few pass, comparing them all is cheaper than a
 * walk, of which most candidates would be taken away again. What a scan and a walk cost is asked of
 * the index. */
#include "query/plan.h"

#include <math.h>

/* Nanoseconds on one x86-64 core (bench/filtered). */
#define SELECT_ROW_NS   1.5 /* a row is found in a sorted column and gets its bit */
#define SELECT_WORD_NS  1.0 /* 64 rows that do not pass */
#define TEST_NS         30.0
#define PAYLOAD_TEST_NS 1000.0
#define SPARE           1.5 /* hits tested, as a multiple of those expected to be needed, */
#define SPARE_MIN       16  /* and so many more */
/* How often too few hits pass, where so few rows may pass that k of them are not sure. */
#define UNSURE_RETRIED .5

const char *plan_kind_name(enum plan_kind kind)
{
    static const char *const names[PLAN_KINDS] = {[PLAN_SCAN_MATCHES] = "scan_matches",
                                                  [PLAN_FILTERED_WALK] = "filtered_walk",
                                                  [PLAN_WALK_THEN_TEST] = "walk_then_test"};
    return names[kind];
}

double plan_select_ns(const struct plan_facts *f, double matches)
{
    return f->has_columns ? matches * SELECT_ROW_NS + f->rows / 64.0 * SELECT_WORD_NS : f->rows * PAYLOAD_TEST_NS;
}

double plan_test_ns(const struct plan_facts *f, uint32_t hits)
{
    return hits * (f->has_columns ? TEST_NS : PAYLOAD_TEST_NS);
}

static uint32_t tested_hits(const struct plan_facts *f, const struct cardinality *c)
{
    const double share = (double)(c->expected ? c->expected : 1) / f->rows;
    const double wanted = ceil(SPARE * f->k / share) + SPARE_MIN;
    return wanted < f->alive ? (uint32_t)wanted : f->alive;
}

static double index_ns(const struct plan_facts *f, enum search_way way, uint32_t matches)
{
    return f->cost_ns(f->arg, way, f->k, matches);
}

enum plan_kind plan_of_selected(const struct plan_facts *f, uint32_t matches)
{
    const bool walks = !f->exact && matches > f->k;
    return walks && index_ns(f, SEARCH_WALKS, matches) < index_ns(f, SEARCH_SCANS, matches) ? PLAN_FILTERED_WALK
                                                                                            : PLAN_SCAN_MATCHES;
}

static double selected_ns(const struct plan_facts *f, const struct cardinality *c, enum search_way way)
{
    const double alive = (double)c->expected * f->alive / f->rows;
    return plan_select_ns(f, c->expected) + index_ns(f, way, (uint32_t)ceil(alive));
}

struct plan plan_of(enum plan_kind kind, const struct plan_facts *f, const struct cardinality *c)
{
    struct plan p = {kind, *c, 0, 0};
    if (f->rows == 0 || f->alive == 0 || c->max == 0)
        return p;
    if (kind == PLAN_WALK_THEN_TEST) {
        p.wanted = tested_hits(f, c);
        p.cost_ns = f->cost_ns(f->arg, SEARCH_AS_IS_CHEAP, p.wanted, f->alive) + plan_test_ns(f, p.wanted);
    } else {
        p.cost_ns = selected_ns(f, c, kind == PLAN_FILTERED_WALK ? SEARCH_WALKS : SEARCH_SCANS);
    }
    return p;
}

/* Of searches that test hits, how many have to search again. */
static double retried(const struct plan_facts *f, const struct cardinality *c)
{
    const bool is_sure = c->min >= f->k && c->min >= c->expected / 2;
    return is_sure ? f->retried : fmax(f->retried, UNSURE_RETRIED);
}

struct plan plan_choose(const struct plan_facts *f, const struct cardinality *c)
{
    const struct plan scan = plan_of(PLAN_SCAN_MATCHES, f, c);
    if (scan.cost_ns == 0 || (f->has_columns && c->max <= f->k))
        return scan;
    const struct plan walk = plan_of(PLAN_FILTERED_WALK, f, c);
    const struct plan selected = walk.cost_ns < scan.cost_ns && !f->exact ? walk : scan;
    struct plan test = plan_of(PLAN_WALK_THEN_TEST, f, c);
    test.cost_ns += retried(f, c) * selected.cost_ns;
    return test.cost_ns < selected.cost_ns ? test : selected;
}
