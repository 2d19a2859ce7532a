/* filter.h -- which points may be hits: a tree of clauses, whichever protocol it came by.
 *
 * A client's filter names fields by their paths. filter_bind() checks it against a schema and
 * makes the filter that segments are asked with. Both are immutable and may be read by any core
 * while their memory lives. */
#pragma once

#include "base/memory.h"
#include "columns/column.h"
#include "columns/schema.h"

#define FILTER_DEPTH_MAX   8
#define FILTER_CLAUSES_MAX 256 /* nodes of the tree */

enum filter_op {
    FILTER_TEST,     /* one field */
    FILTER_ALL,      /* of the children pass; without children every point does */
    FILTER_ANY,      /* at least one passes; without children no point does */
    FILTER_NONE,     /* passes */
    FILTER_AT_LEAST, /* so many pass */
    FILTER_OPS
};

struct filter {
    enum filter_op op;
    uint32_t count; /* children; TEST: 0 */
    uint32_t least; /* AT_LEAST: 1 to count */
    const struct filter *children;
    struct predicate test;
};

/* Checks what can be judged without the collection: depth, size, operators. */
MUST_USE int filter_check(const struct filter *f, struct error *error);
/* The same filter with the numbers of its fields, in the arena; strings stay where they are.
 * Refuses fields that are not indexed, and says how to index them; ERROR_INVALID_ARGUMENT, or
 * -ENOMEM. `collection` is for the sentence. */
MUST_USE int filter_bind(const struct filter *f, const struct schema *schema, const char *collection,
                         struct arena *arena, const struct filter **ret, struct error *error);

/* The rows of one segment, as a filter sees them. */
struct filter_rows {
    uint32_t rows;
    const struct column *const *columns; /* in any order */
    unsigned column_count;
    /* Asks a row of a field that has no column here yet: the payload is read. Must be
     * given if that can be. */
    bool (*test)(void *arg, const struct predicate *p, uint32_t row);
    void *arg;
};

/* NULL: the field has no column here. */
const struct column *filter_column(const struct filter_rows *rows, uint16_t field);

/* Rows that pass. */
bool filter_test(const struct filter *f, const struct filter_rows *rows, uint32_t row);
/* Adds them to set, which spans the rows. -ENOMEM, or what the pause returned. */
MUST_USE int filter_select(const struct filter *f, const struct filter_rows *rows, struct row_set *set,
                           const struct pause *pause);
/* How many they are, without looking at each (estimate.c). */
struct cardinality filter_estimate(const struct filter *f, const struct filter_rows *rows);
