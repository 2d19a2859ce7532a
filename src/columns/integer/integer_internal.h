/* integer_internal.h -- the struct of an integer column, which its three files share.
 *
 * A value is a JSON number without point and exponent that an int64_t can hold. 2.0 is not an
 * integer. Values lie in the order of rows, so that one row can be tested. A sorted column has each
 * value a second time, in ascending order, with its row. So all values between two bounds are one
 * run. A column takes 12 bytes a value, and 12 more when it is sorted. */
#pragma once

#include "columns/column.h"
#include "vectors/row_array.h"
#include <assert.h>

#define INTEGER_VALUES_MAX ((uint32_t)INT32_MAX) /* a row_array in one piece holds no more */

struct integer_meta { /* the layout on disk */
    uint32_t version, rows, count, most;
    uint32_t null_rows, empty_rows, value_rows, reserved;
};
static_assert(sizeof(struct integer_meta) == 32, "on disk");

struct integer_column {
    uint32_t rows;
    uint32_t count;          /* values */
    struct row_array ends;   /* u32 for each row: the index behind its last value */
    struct row_array values; /* i64 */
    /* u64 words of bits: has_null and is_empty of field_values */
    struct row_array nulls, empties;
    /* rows with a null, empty rows, rows with a value */
    uint32_t null_rows, empty_rows, value_rows;
    uint32_t most;    /* the most values of one row */
    int64_t min, max; /* of all values; unused without values */
    bool is_sorted;
    struct row_array sorted;      /* i64, ascending; equal values by row */
    struct row_array sorted_rows; /* u32: the row of each sorted value */
    struct integer_meta meta;     /* filled in by integer_save() */
};

/* All values from low to high, with both. Empty when low > high. */
struct interval {
    int64_t low, high;
};
struct interval interval_of_range(const struct predicate *p);

static inline uint32_t integer_begin(const struct integer_column *c, uint32_t row)
{
    return row ? *(const uint32_t *)row_array_at(&c->ends, row - 1) : 0;
}
static inline uint32_t integer_end(const struct integer_column *c, uint32_t row)
{
    return *(const uint32_t *)row_array_at(&c->ends, row);
}
static inline int64_t integer_value(const struct integer_column *c, uint32_t i)
{
    return *(const int64_t *)row_array_at(&c->values, i);
}
static inline bool integer_bit(const struct row_array *bits, uint32_t row)
{
    return *(const uint64_t *)row_array_at(bits, row / 64) >> row % 64 & 1;
}

extern const struct column_kind column_integer;

struct integer_column *integer_new(void); /* NULL: no memory */
void integer_destroy(void *column);
bool integer_test(const void *column, const struct predicate *p, uint32_t row);

/* integer_sort.c */
int integer_sort(void *column, const struct pause *pause);
/* The memory of a sort of so many values while it runs. Half of it stays. */
uint64_t integer_sort_bytes(uint32_t count);
void integer_estimate(const void *column, const struct predicate *p, struct cardinality *ret);
int integer_select(const void *column, const struct predicate *p, struct row_set *set, const struct pause *pause);

/* integer_file.c */
unsigned integer_save(void *column, struct column_region regions[COLUMN_REGIONS]);
int integer_open(const struct column_region *regions, unsigned count, uint32_t rows, const struct pause *pause,
                 void **ret, const char **ret_why);
