/* Which plan is the cheapest, at both sides of each point where that changes, by an index whose
 * costs are simple: a scan takes 20 ns a row, a walk 40 us, and longer the fewer rows may be
 * hits. */
#include "query/plan.h"

#include <criterion/criterion.h>
#include <math.h>

#define ROWS 1000000

struct costs {
    double row_ns, walk_ns;
    uint32_t rows;
};

static double cost_ns(const void *arg, enum search_way way, uint32_t k, uint32_t allowed)
{
    const struct costs *c = arg;
    const double scan = allowed * c->row_ns,
                 walk = c->walk_ns * fmax(1, k / 64.0) * sqrt((double)c->rows / (allowed ? allowed : 1));
    return way == SEARCH_SCANS ? scan : way == SEARCH_WALKS ? walk : fmin(scan, walk);
}

static const struct costs usual = {20, 40000, ROWS};

static struct plan_facts facts_of(const struct costs *c)
{
    return (struct plan_facts){
        .rows = c->rows, .alive = c->rows, .k = 10, .has_columns = true, .cost_ns = cost_ns, .arg = c};
}

static enum plan_kind plan_for(struct plan_facts f, uint32_t matches)
{
    const struct cardinality c = {matches, matches, matches};
    return plan_choose(&f, &c).kind;
}

Test(plan, few_matches_are_scanned_some_are_walked_to_most_are_tested)
{
    const struct plan_facts f = facts_of(&usual);
    cr_assert_eq(plan_for(f, 0), PLAN_SCAN_MATCHES);
    cr_assert_eq(plan_for(f, 500), PLAN_SCAN_MATCHES);
    cr_assert_eq(plan_for(f, 10000), PLAN_SCAN_MATCHES, "200 us, where a walk takes 400");
    cr_assert_eq(plan_for(f, 20000), PLAN_FILTERED_WALK, "400 us, where a walk takes 283");
    cr_assert_eq(plan_for(f, 900000), PLAN_WALK_THEN_TEST);
    cr_assert_eq(plan_for(f, ROWS), PLAN_WALK_THEN_TEST);
}

/* The walk of the same rows by an index that is dearer, or cheaper, than usual. */
Test(plan, what_the_index_costs_decides)
{
    const struct costs slow_walk = {20, 400000, ROWS}, slow_scan = {200, 40000, ROWS};
    cr_assert_eq(plan_for(facts_of(&slow_walk), 20000), PLAN_SCAN_MATCHES);
    cr_assert_eq(plan_for(facts_of(&slow_scan), 10000), PLAN_FILTERED_WALK);
}

Test(plan, a_plan_costs_no_more_than_any_other)
{
    const struct plan_facts f = facts_of(&usual);
    for (double share = 1e-6; share <= 1; share *= 1.3) {
        const uint32_t n = (uint32_t)(share * ROWS);
        const struct cardinality c = {n, n, n};
        const struct plan p = plan_choose(&f, &c);
        for (enum plan_kind kind = PLAN_SCAN_MATCHES; kind <= PLAN_WALK_THEN_TEST && n > f.k; kind++)
            cr_assert_leq(p.cost_ns, plan_of(kind, &f, &c).cost_ns, "%u rows", n);
    }
}

Test(plan, tiny_segments_are_scanned)
{
    const struct costs c = {20, 40000, 100};
    for (uint32_t matches = 0; matches <= 100; matches += 10)
        cr_assert_eq(plan_of_selected(&(struct plan_facts){.k = 10, .cost_ns = cost_ns, .arg = &c}, matches),
                     PLAN_SCAN_MATCHES);
    cr_assert_eq(plan_for(facts_of(&c), 5), PLAN_SCAN_MATCHES);
    struct plan_facts none = facts_of(&c);
    none.rows = none.alive = 0;
    cr_assert_eq(plan_for(none, 0), PLAN_SCAN_MATCHES);
    none.rows = 100;
    cr_assert_eq(plan_for(none, 50), PLAN_SCAN_MATCHES, "all of them are dead");
}

Test(plan, an_exact_search_is_never_walked)
{
    struct plan_facts f = facts_of(&usual);
    f.exact = true;
    for (uint32_t matches = 1; matches < ROWS; matches *= 2)
        cr_assert_neq(plan_for(f, matches), PLAN_FILTERED_WALK);
}

/* Reading the payloads of all rows takes a second: hits are tested first, whatever may pass. */
Test(plan, without_columns_hits_are_tested_first)
{
    struct plan_facts f = facts_of(&usual);
    const struct cardinality unknown = {0, ROWS / 2, ROWS};
    f.has_columns = false;
    cr_assert_eq(plan_choose(&f, &unknown).kind, PLAN_WALK_THEN_TEST);
    f.retried = 1;
    cr_assert_neq(plan_choose(&f, &unknown).kind, PLAN_WALK_THEN_TEST, "they never are enough");
}

/* Hits are tested where enough of them surely pass, or where little is lost when they do not. */
Test(plan, an_estimate_that_may_be_wrong_counts_half)
{
    const struct costs slow = {20, 1500000, ROWS};
    const struct cardinality unsure = {5, 900000, ROWS}, sure = {900000, 900000, ROWS};
    const struct plan_facts f = facts_of(&slow);
    cr_assert_eq(plan_choose(&f, &sure).kind, PLAN_WALK_THEN_TEST);
    cr_assert_eq(plan_choose(&f, &unsure).kind, PLAN_FILTERED_WALK);
    const struct plan_facts quick = facts_of(&usual);
    const struct plan p = plan_choose(&quick, &unsure);
    cr_assert(p.kind == PLAN_WALK_THEN_TEST && p.wanted >= 10);
}

Test(plan, tests_that_were_in_vain_are_not_tried_for_ever)
{
    struct plan_facts f = facts_of(&usual);
    cr_assert_eq(plan_for(f, 300000), PLAN_WALK_THEN_TEST);
    f.retried = .95;
    cr_assert_eq(plan_for(f, 300000), PLAN_FILTERED_WALK);
}
