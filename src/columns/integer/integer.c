/* integer.c -- appends to an integer column, and tests one row of it. */
#include "columns/integer/integer_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* -- predicates on integers -- */

/* The least integer above a lower bound. Sets *none if there is no such integer. */
static int64_t low_of(const struct value *v, bool open, bool *none)
{
    if (v->type == VALUE_NULL)
        return INT64_MIN;
    if (v->type == VALUE_INTEGER) {
        *none |= open && v->integer == INT64_MAX;
        return open && v->integer < INT64_MAX ? v->integer + 1 : v->integer;
    }
    const double whole = ceil(v->number);
    *none |= whole >= 0x1p63;
    if (whole >= 0x1p63 || whole < -0x1p63)
        return INT64_MIN;
    return (int64_t)whole + (open && whole == v->number);
}

/* The greatest integer below an upper bound. Sets *none if there is no such integer. */
static int64_t high_of(const struct value *v, bool open, bool *none)
{
    if (v->type == VALUE_NULL)
        return INT64_MAX;
    if (v->type == VALUE_INTEGER) {
        *none |= open && v->integer == INT64_MIN;
        return open && v->integer > INT64_MIN ? v->integer - 1 : v->integer;
    }
    const double whole = floor(v->number);
    const bool excluded = open && whole == v->number;
    *none |= whole < -0x1p63 || (excluded && whole == -0x1p63);
    if (whole >= 0x1p63 || *none)
        return INT64_MAX;
    return (int64_t)whole - excluded;
}

struct interval interval_of_range(const struct predicate *p)
{
    bool none = false;
    const struct interval i = {low_of(&p->range.low, p->range.low_open, &none),
                               high_of(&p->range.high, p->range.high_open, &none)};
    return none ? (struct interval){1, 0} : i;
}

static int accepts(const struct predicate *p, struct error *error)
{
    if (p->op != PREDICATE_EQ && p->op != PREDICATE_IN)
        return 0;
    for (uint32_t i = 0; i < p->values.count; i++)
        if (p->values.items[i].type != VALUE_INTEGER)
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "field '%.128s' is indexed as integer, so it matches whole numbers only; give one, or ask "
                             "for a range",
                             p->path ? p->path : "");
    return 0;
}

static bool any_passes(const struct predicate *p, const struct field_values *v)
{
    const struct interval range = p->op == PREDICATE_RANGE ? interval_of_range(p) : (struct interval){1, 0};
    for (uint32_t i = 0; i < v->count; i++) {
        const struct value *item = &v->items[i];
        if (item->type != VALUE_INTEGER)
            continue;
        if (p->op == PREDICATE_RANGE ? item->integer >= range.low && item->integer <= range.high
                                     : values_contain(p->values.items, p->values.count, item))
            return true;
    }
    return false;
}

static bool passes(const struct predicate *p, const struct field_values *v)
{
    switch (p->op) {
    case PREDICATE_NULL: return v->has_null;
    case PREDICATE_EMPTY: return v->is_empty;
    default: return any_passes(p, v);
    }
}

bool integer_test(const void *column, const struct predicate *p, uint32_t row)
{
    const struct integer_column *c = column;
    if (p->op == PREDICATE_NULL)
        return integer_bit(&c->nulls, row);
    if (p->op == PREDICATE_EMPTY)
        return integer_bit(&c->empties, row);
    const struct interval range = p->op == PREDICATE_RANGE ? interval_of_range(p) : (struct interval){1, 0};
    const uint32_t end = integer_end(c, row);
    for (uint32_t i = integer_begin(c, row); i < end; i++) {
        const int64_t x = integer_value(c, i);
        const struct value item = {VALUE_INTEGER, .integer = x};
        if (p->op == PREDICATE_RANGE ? x >= range.low && x <= range.high
                                     : values_contain(p->values.items, p->values.count, &item))
            return true;
    }
    return false;
}

/* -- appending -- */

struct integer_column *integer_new(void)
{
    struct integer_column *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    row_array_init(&c->ends, sizeof(uint32_t));
    row_array_init(&c->values, sizeof(int64_t));
    row_array_init(&c->nulls, sizeof(uint64_t));
    row_array_init(&c->empties, sizeof(uint64_t));
    row_array_init(&c->sorted, sizeof(int64_t));
    row_array_init(&c->sorted_rows, sizeof(uint32_t));
    return c;
}

static int create(void **ret)
{
    *ret = integer_new();
    return *ret ? 0 : -ENOMEM;
}

void integer_destroy(void *column)
{
    struct integer_column *c = column;
    row_array_fini(&c->ends);
    row_array_fini(&c->values);
    row_array_fini(&c->nulls);
    row_array_fini(&c->empties);
    row_array_fini(&c->sorted);
    row_array_fini(&c->sorted_rows);
    free(c);
}

static int reserve(struct integer_column *c, uint32_t values)
{
    check(!c->is_sorted);
    if (values > INTEGER_VALUES_MAX - c->count || c->rows == INTEGER_VALUES_MAX)
        return -EOVERFLOW;
    int rc = row_array_reserve(&c->ends, c->rows + 1);
    if (rc == 0)
        rc = row_array_reserve(&c->values, c->count + values);
    if (rc == 0)
        rc = row_array_reserve(&c->nulls, c->rows / 64 + 1);
    return rc == 0 ? row_array_reserve(&c->empties, c->rows / 64 + 1) : rc;
}

static void add_value(struct integer_column *c, int64_t x)
{
    *(int64_t *)row_array_at(&c->values, c->count) = x;
    c->min = c->count == 0 || x < c->min ? x : c->min;
    c->max = c->count == 0 || x > c->max ? x : c->max;
    c->count++;
}

/* Ends a row, whose values are appended. */
static void end_row(struct integer_column *c, bool has_null, bool is_empty)
{
    const uint32_t row = c->rows, n = c->count - integer_begin(c, row);
    *(uint32_t *)row_array_at(&c->ends, row) = c->count;
    *(uint64_t *)row_array_at(&c->nulls, row / 64) |= (uint64_t)has_null << row % 64;
    *(uint64_t *)row_array_at(&c->empties, row / 64) |= (uint64_t)is_empty << row % 64;
    c->null_rows += has_null;
    c->empty_rows += is_empty;
    c->value_rows += n > 0;
    c->most = n > c->most ? n : c->most;
    c->rows++;
}

static int append(void *column, const struct field_values *v)
{
    struct integer_column *c = column;
    int rc = reserve(c, v->count);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < v->count; i++)
        if (v->items[i].type == VALUE_INTEGER)
            add_value(c, v->items[i].integer);
    end_row(c, v->has_null, v->is_empty);
    return 0;
}

static int append_row(void *column, const void *from, uint32_t row)
{
    struct integer_column *c = column;
    const struct integer_column *f = from;
    const uint32_t begin = integer_begin(f, row), end = integer_end(f, row);
    int rc = reserve(c, end - begin);
    if (rc < 0)
        return rc;
    for (uint32_t i = begin; i < end; i++)
        add_value(c, integer_value(f, i));
    end_row(c, integer_bit(&f->nulls, row), integer_bit(&f->empties, row));
    return 0;
}

static uint64_t memory(const void *column)
{
    const struct integer_column *c = column;
    return sizeof(*c) + row_array_bytes(&c->ends) + row_array_bytes(&c->values) + row_array_bytes(&c->nulls) +
           row_array_bytes(&c->empties) + row_array_bytes(&c->sorted) + row_array_bytes(&c->sorted_rows);
}

static uint64_t count_values(const void *column)
{
    return ((const struct integer_column *)column)->count;
}

static uint64_t need(uint32_t rows, uint64_t values, bool sorts)
{
    /* a column of more values is given up */
    const uint32_t count = values < INTEGER_VALUES_MAX ? (uint32_t)values : INTEGER_VALUES_MAX;
    const uint64_t ends = row_array_bytes_of(sizeof(uint32_t), rows);
    const uint64_t grown = sizeof(struct integer_column) + ends + row_array_bytes_of(sizeof(int64_t), count) +
                           2 * row_array_bytes_of(sizeof(uint64_t), (uint32_t)bits_words(rows));
    const uint64_t sort = integer_sort_bytes(count);
    /* laying out the ends in one piece takes as much as the ends, before the sort begins */
    return grown + (!sorts ? 0 : sort > ends ? sort : ends);
}

const struct column_kind column_integer = {
    .name = "integer",
    .id = 2,
    .version = 1,
    .operators =
        1 << PREDICATE_EQ | 1 << PREDICATE_IN | 1 << PREDICATE_RANGE | 1 << PREDICATE_NULL | 1 << PREDICATE_EMPTY,
    .takes = 1 << VALUE_INTEGER,
    .accepts = accepts,
    .passes = passes,
    .create = create,
    .append = append,
    .append_row = append_row,
    .sort = integer_sort,
    .estimate = integer_estimate,
    .select = integer_select,
    .test = integer_test,
    .save = integer_save,
    .open = integer_open,
    .memory = memory,
    .values = count_values,
    .need = need,
    .destroy = integer_destroy,
};
