/* plan.h -- how one segment is searched with a filter: the cheapest of three ways. The plan changes
 * what a search costs, not what it finds (filtered_search.h carries it out). */
#pragma once

#include "columns/column.h"
#include "index/segment_index.h"

enum plan_kind {
    /* the rows that pass are selected, and all of them are compared with the query */
    PLAN_SCAN_MATCHES,
    /* the rows that pass are selected, and the index walks to the nearest of them */
    PLAN_FILTERED_WALK,
    /* the index finds the nearest of all rows, which are then asked whether they pass; if too few
     * do, the rows that pass are selected after all */
    PLAN_WALK_THEN_TEST,
    PLAN_KINDS
};
/* "scan_matches" and so on, for metrics. */
const char *plan_kind_name(enum plan_kind kind);

/* What a plan is made of. */
struct plan_facts {
    uint32_t rows, alive;
    uint32_t k;
    bool exact; /* whatever is compared is compared in full: there is no walk */
    /* false: a field of the filter has no column here, each test reads a payload */
    bool has_columns;
    double retried; /* share of searches that tested hits of which too few passed */
    /* What the index takes for the k nearest of so many rows, in nanoseconds. */
    double (*cost_ns)(const void *arg, enum search_way way, uint32_t k, uint32_t allowed);
    const void *arg;
};

struct plan {
    enum plan_kind kind;
    struct cardinality rows;
    uint32_t wanted; /* WALK_THEN_TEST: hits asked of the index, so that k pass */
    double cost_ns;
};

/* What that plan comes to. */
struct plan plan_of(enum plan_kind kind, const struct plan_facts *f, const struct cardinality *c);
/* The cheapest. */
struct plan plan_choose(const struct plan_facts *f, const struct cardinality *c);
/* The rows were selected, and are so many: SCAN_MATCHES or FILTERED_WALK. */
enum plan_kind plan_of_selected(const struct plan_facts *f, uint32_t matches);

/* Parts of a plan's cost that are not of the index. */
double plan_select_ns(const struct plan_facts *f, double matches);
double plan_test_ns(const struct plan_facts *f, uint32_t hits);
