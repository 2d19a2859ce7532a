/* filter.h -- filters: a filter says which points may be hits. It is a tree of clauses, the
 * same for all protocols.
 *
 * A client's filter names fields by their paths. filter_bind() checks it against a schema, and
 * makes the bound filter, in which fields have numbers. Segments are searched with that one. Both
 * are immutable. Any core may read them while their memory exists. */
#pragma once

#include "base/memory.h"
#include "columns/column.h"
#include "columns/schema.h"

#define FILTER_DEPTH_MAX   8
#define FILTER_CLAUSES_MAX 256 /* nodes of the whole tree */

enum filter_op {
    FILTER_TEST,     /* the predicate on one field passes */
    FILTER_ALL,      /* all children pass; without children every point passes */
    FILTER_ANY,      /* at least one child passes; without children no point passes */
    FILTER_NONE,     /* no child passes */
    FILTER_AT_LEAST, /* at least `least` children pass */
    FILTER_OPS
};

struct filter {
    enum filter_op op;
    uint32_t count; /* number of children; TEST: 0 */
    uint32_t least; /* AT_LEAST: 1 to count */
    const struct filter *children;
    struct predicate test;
};

/* Checks everything that does not depend on the collection: depth, size, operators. */
MUST_USE int filter_check(const struct filter *f, struct error *error);
/* Makes the bound filter in the arena. It borrows the string values of f. Refuses fields that are
 * not indexed, with advice how to index them. ERROR_INVALID_ARGUMENT, or -ENOMEM. collection: its
 * name, for the error. */
MUST_USE int filter_bind(const struct filter *f, const struct schema *schema, const char *collection,
                         struct arena *arena, const struct filter **ret, struct error *error);

/* How often filters read columns, and how often payloads in their place. */
struct filter_counts {
    uint64_t selections;    /* a column gave all rows that pass a predicate */
    uint64_t column_tests;  /* a column told whether one row passes a predicate */
    uint64_t payload_tests; /* the payload told it, because the field has no column here */
};

/* What a filter needs of one segment: its columns, and a function for fields without a column. */
struct filter_rows {
    uint32_t rows;
    const struct column *const *columns; /* in any order */
    unsigned column_count;
    /* Tests a row by its payload, for a field that has no column here. May be NULL if all fields
     * have one. */
    bool (*test)(void *arg, const struct predicate *p, uint32_t row);
    void *arg;
    /* errno of a payload that test() could not read: what it said is not to be believed; NULL: it
     * can read all */
    const int *failed;
    struct filter_counts *counts; /* added to; NULL: nothing is counted */
};

/* The column of a field; NULL: there is none. */
const struct column *filter_column(const struct filter_rows *rows, uint16_t field);

/* Whether each field of the filter has a column here. */
bool filter_has_columns(const struct filter *f, const struct filter_rows *rows);

/* Whether the row passes. */
bool filter_test(const struct filter *f, const struct filter_rows *rows, uint32_t row);
/* Adds the rows that pass to set, which spans the rows. -ENOMEM, or what the pause returned. */
MUST_USE int filter_select(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                           const struct pause *pause);
/* Estimates how many rows pass, without testing each (estimate.c). */
struct cardinality filter_estimate(const struct filter *f, const struct filter_rows *rows);
