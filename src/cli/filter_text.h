/* filter_text.h -- filters in the syntax of the command line:
 *
 *     year >= 1990 and year < 2000 and not rating in (1, 2) and stops[].city = 7
 *     1990 <= year < 2000 and size is not empty and city != 'Rome' and open = true
 *
 * A filter is a list of conditions joined by `and`. A condition is a field, one of = != and a
 * value; a field, one of < <= > >= and a number; a field between two numbers; `in` and values in
 * brackets; `is null`; or `is empty`. `not` before a condition, `not in` and `is not` negate it. A
 * value is a number, a text in single or double quotes, true or false. A field with the name of a
 * keyword is put in double quotes. */
#pragma once

#include <kith/kith.h>

#define FILTER_CONDITIONS_MAX 64
#define FILTER_VALUES_MAX     1024 /* of all conditions */

struct filter_text {
    struct kith_condition conditions[FILTER_CONDITIONS_MAX];
    size_t count;
    int64_t numbers[FILTER_VALUES_MAX];
    double reals[FILTER_VALUES_MAX];
    const char *texts[FILTER_VALUES_MAX];
    size_t number_count, real_count, text_count;
    char text[4096]; /* fields and texts that conditions point at */
    size_t text_bytes;
    char problem[160]; /* after a failure: what is wrong, and where */
};

/* Returns 0, or -EINVAL with `problem` set. */
int filter_text_parse(const char *text, struct filter_text *ret);
