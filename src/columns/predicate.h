/* predicate.h -- a predicate: a condition on one field, which is one clause of a filter.
 *
 * A point passes when one of the field's values passes. So two elements of an array may pass two
 * predicates. A missing field does not pass, nor do values of another type than the column's. */
#pragma once

#include "base/error.h"
#include "base/value.h"

#define PREDICATE_VALUES_MAX 1024 /* values of one IN */

enum predicate_op {
    PREDICATE_EQ,    /* equal to the only one of `values` */
    PREDICATE_IN,    /* equal to any of `values` */
    PREDICATE_RANGE, /* between two bounds */
    PREDICATE_NULL,  /* null, or an array with a null in it */
    PREDICATE_EMPTY, /* the field is missing, null or [] */
    PREDICATE_OPS
};

struct column_kind;

struct predicate {
    enum predicate_op op;
    uint16_t field;                 /* number in the schema; set by filter_bind() */
    const struct column_kind *kind; /* the kind of its column; set by filter_bind() */
    const char *path;               /* the path of the field, as the client wrote it */
    union {
        struct {
            const struct value *items;
            uint32_t count;
        } values;
        struct {
            struct value low, high;   /* numbers; VALUE_NULL: no bound on this side */
            bool low_open, high_open; /* true: the bound itself does not pass */
        } range;
    };
};

/* "equals" and so on, for errors. */
const char *predicate_op_name(enum predicate_op op);
/* Checks everything that does not depend on the column: the operator, the number of values,
 * bounds that are numbers. */
MUST_USE int predicate_check(const struct predicate *p, struct error *error);

/* Orders values by type, then by value, strings by bytes. NaN is not allowed. */
int value_compare(const struct value *a, const struct value *b);
/* Sorts values by value_compare() and removes equal ones, as columns expect the values of IN.
 * Returns how many are left. */
uint32_t values_sort(struct value *items, uint32_t count);
/* Whether v is among the items, which values_sort() has sorted. */
bool values_contain(const struct value *items, uint32_t count, const struct value *v);
