/* predicate.h -- what one clause of a filter asks of one field.
 *
 * A point passes when one of the field's values does; a missing field and values of another
 * type than the column's pass nothing. So two predicates of one field may be met by two
 * elements of its array. */
#pragma once

#include "base/error.h"
#include "base/value.h"

#define PREDICATE_VALUES_MAX 1024 /* of IN */

enum predicate_op {
    PREDICATE_EQ,    /* the one value of `values` */
    PREDICATE_IN,    /* any of `values` */
    PREDICATE_RANGE, /* between two bounds */
    PREDICATE_NULL,  /* null, or an array that holds it */
    PREDICATE_EMPTY, /* missing, null or [] */
    PREDICATE_OPS
};

struct column_kind;

struct predicate {
    enum predicate_op op;
    uint16_t field;                 /* number in the schema, and */
    const struct column_kind *kind; /* the kind of its column: both set by filter_bind() */
    const char *path;               /* of the field, as the client named it */
    union {
        struct {
            const struct value *items;
            uint32_t count;
        } values;
        struct {
            struct value low, high;   /* numbers; VALUE_NULL: no bound on that side */
            bool low_open, high_open; /* the bound itself does not pass */
        } range;
    };
};

/* "equals" and so on, for sentences. */
const char *predicate_op_name(enum predicate_op op);
/* What can be judged without the column: known operators, counts, bounds that are numbers. */
MUST_USE int predicate_check(const struct predicate *p, struct error *error);

/* Orders values by type, then by value; strings by bytes. No NaN. */
int value_compare(const struct value *a, const struct value *b);
/* Puts values in that order, each once, as a column expects those of IN; returns how many are
 * left. */
uint32_t values_sort(struct value *items, uint32_t count);
/* Is it among those, which values_sort() has put in order? */
bool values_contain(const struct value *items, uint32_t count, const struct value *v);
