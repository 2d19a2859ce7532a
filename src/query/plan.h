/* plan.h -- how one segment is searched with a filter. The plan changes what a search
 * costs, not what it finds.
 *
 * The plans SCAN_MATCHES and FILTERED_WALK are searched in the same way today: the rows that pass
 * are selected, and the index is asked for the nearest of them. It decides itself whether few
 * enough pass to compare them all. */
#pragma once

#include "columns/column.h"

enum plan_kind {
    /* the rows that pass are selected, and all of them are compared with the query */
    PLAN_SCAN_MATCHES,
    /* the rows that pass are selected, and the index finds the nearest of them */
    PLAN_FILTERED_WALK,
    /* the index finds the nearest of all rows, which are then asked whether they pass; if too few
     * do, the search goes on as FILTERED_WALK */
    PLAN_WALK_THEN_TEST,
};

/* What a plan is made of. */
struct plan_facts {
    uint32_t rows;
    uint32_t k;
    uint32_t ef;    /* candidates that a walk without a filter would keep */
    double row_ns;  /* one row compared in a scan; 0: by default */
    double walk_ns; /* a walk without a filter; 0: by default */
    bool exact;     /* all rows that pass are compared in full */
    /* false: a field of the filter has no column here, each test reads a payload */
    bool has_columns;
};

struct plan {
    enum plan_kind kind;
    struct cardinality rows;
    uint32_t wanted; /* WALK_THEN_TEST: hits asked of the index, so that k pass */
    double cost_ns;
};

struct plan plan_choose(const struct plan_facts *f, const struct cardinality *c);
