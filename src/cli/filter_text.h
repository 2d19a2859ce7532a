/* filter_text.h -- filters in the syntax of the command line:
 *
 *     year >= 1990 and year < 2000 and not rating in (1, 2) and stops[].city = 7
 *     1990 <= year < 2000 and size is not empty
 *
 * A filter is a list of conditions joined by `and`. A condition is a field, one of = != < <= > >=
 * and a number; a field between two numbers; `in` and numbers in brackets; `is null`; or `is
 * empty`. `not` before a condition, `not in` and `is not` negate it. A field with the name of a
 * keyword is put in double quotes. */
#pragma once

#include <kith/kith.h>

#define FILTER_CONDITIONS_MAX 64
#define FILTER_NUMBERS_MAX    1024 /* for all `in` together */

struct filter_text {
    struct kith_condition conditions[FILTER_CONDITIONS_MAX];
    size_t count;
    int64_t numbers[FILTER_NUMBERS_MAX];
    size_t number_count;
    char fields[4096]; /* names of fields that conditions point to */
    size_t field_bytes;
    char problem[160]; /* after a failure: what is wrong, and where */
};

/* Returns 0, or -EINVAL with `problem` set. */
int filter_text_parse(const char *text, struct filter_text *ret);
