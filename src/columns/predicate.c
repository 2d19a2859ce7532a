/* predicate.c -- checks predicates as far as the kind of the column does not
 * matter, and orders values. */
#include "columns/predicate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[PREDICATE_OPS] = {
    [PREDICATE_EQ] = "equals", [PREDICATE_IN] = "in",       [PREDICATE_RANGE] = "range",
    [PREDICATE_NULL] = "null", [PREDICATE_EMPTY] = "empty",
};

const char *predicate_op_name(enum predicate_op op)
{
    return (unsigned)op < PREDICATE_OPS ? names[op] : "unknown";
}

static bool is_bound(const struct value *v)
{
    return v->type == VALUE_NULL || v->type == VALUE_INTEGER || (v->type == VALUE_FLOAT && !isnan(v->number));
}

int predicate_check(const struct predicate *p, struct error *error)
{
    const char *path = p->path ? p->path : "";
    if ((unsigned)p->op >= PREDICATE_OPS)
        return error_set(error, ERROR_INVALID_ARGUMENT, "condition %d on field '%.128s' is unknown", (int)p->op, path);
    if (p->op == PREDICATE_EQ && p->values.count != 1)
        return error_set(error, ERROR_INVALID_ARGUMENT, "a match on field '%.128s' has one value, not %u", path,
                         p->values.count);
    if (p->op == PREDICATE_IN && p->values.count > PREDICATE_VALUES_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "a match on field '%.128s' has %u values, the most is %d; split the query", path,
                         p->values.count, PREDICATE_VALUES_MAX);
    if (p->op == PREDICATE_RANGE && !(is_bound(&p->range.low) && is_bound(&p->range.high)))
        return error_set(error, ERROR_INVALID_ARGUMENT, "a bound of the range on field '%.128s' is not a number", path);
    return 0;
}

static int string_compare(const struct value *a, const struct value *b)
{
    const size_t n = a->string.size < b->string.size ? a->string.size : b->string.size;
    const int order = n ? memcmp(a->string.bytes, b->string.bytes, n) : 0;
    return order ? order : (a->string.size > b->string.size) - (a->string.size < b->string.size);
}

int value_compare(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    switch (a->type) {
    case VALUE_BOOL: return a->boolean - b->boolean;
    case VALUE_INTEGER: return (a->integer > b->integer) - (a->integer < b->integer);
    case VALUE_FLOAT: return (a->number > b->number) - (a->number < b->number);
    case VALUE_STRING:
    case VALUE_OBJECT: return string_compare(a, b);
    case VALUE_NULL: break;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    return value_compare(a, b);
}

uint32_t values_sort(struct value *items, uint32_t count)
{
    uint32_t kept = 0;
    if (count > 1)
        qsort(items, count, sizeof(*items), compare);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || value_compare(&items[i], &items[kept - 1]) != 0)
            items[kept++] = items[i];
    return kept;
}

bool values_contain(const struct value *items, uint32_t count, const struct value *v)
{
    if (count == 1) /* the usual case */
        return value_compare(items, v) == 0;
    return count && bsearch(v, items, count, sizeof(*items), compare) != NULL;
}
