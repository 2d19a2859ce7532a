/* plan.h -- chooses how one segment is searched with a filter: the cheapest of three plans. A plan
 * changes what a search costs, not what it finds. run.h does the search. */
#pragma once

#include "columns/column.h"
#include "index/segment_index.h"

enum plan_kind {
    /* selects the rows that pass, and compares all of them with the query */
    PLAN_SCAN_MATCHES,
    /* selects the rows that pass, and has the index walk to the nearest of them */
    PLAN_FILTERED_WALK,
    /* has the index find the nearest of all rows, and keeps those that pass; if they are too few,
     * selects the rows that pass after all */
    PLAN_WALK_THEN_TEST,
};

/* The input of a choice. */
struct plan_facts {
    uint32_t rows, alive;
    uint32_t k;
    bool exact; /* the search is exact: the index scans and does not walk */
    /* false: a field of the filter has no column here, so each test reads a payload */
    bool has_columns;
    double retried; /* of the searches that tested hits, the share in which too few passed */
    /* The time that the index takes to find the k nearest of `allowed` rows, in nanoseconds. */
    double (*cost_ns)(const void *arg, enum search_way way, uint32_t k, uint32_t allowed);
    const void *arg;
};

struct plan {
    enum plan_kind kind;
    struct cardinality rows;
    /* WALK_THEN_TEST: how many hits the index has to find, so that k of them pass */
    uint32_t wanted;
    double cost_ns;
};

/* The plan of that kind, with its cost. */
struct plan plan_of(enum plan_kind kind, const struct plan_facts *f, const struct cardinality *c);
/* The cheapest plan. */
struct plan plan_choose(const struct plan_facts *f, const struct cardinality *c);
/* The cheaper of SCAN_MATCHES and FILTERED_WALK, when so many rows were selected. */
enum plan_kind plan_of_selected(const struct plan_facts *f, uint32_t matches);

/* The parts of a plan's cost that do not come from the index: selecting rows, and testing hits. */
double plan_select_ns(const struct plan_facts *f, double matches);
double plan_test_ns(const struct plan_facts *f, uint32_t hits);
