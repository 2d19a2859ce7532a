/* Tests filters as people type them: the tree that each becomes, and the place that the error of a
 * wrong one names. */
#include "cli/filter_text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static char *put_bound(char *to, const char *name, const struct kith_bound *b)
{
    if (b->kind == KITH_UNBOUNDED)
        return to;
    to += sprintf(to, " %s%s", name, b->kind == KITH_INCLUSIVE ? "=" : "");
    return to + (b->is_real ? sprintf(to, "%g", b->real) : sprintf(to, "%" PRId64, b->integer));
}

/* Writes the filter in the form "year >=1990 <2000; !stars in 1 2; ". */
static void describe(const struct filter_text *t, char *to)
{
    *to = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct kith_condition *c = &t->conditions[i];
        to += sprintf(to, "%s%s", c->clause == KITH_MUST ? "" : "!", c->field);
        if (c->test == KITH_RANGE)
            to = put_bound(put_bound(to, ">", &c->low), "<", &c->high);
        else if (c->test != KITH_MATCH)
            to += sprintf(to, " %s", c->test == KITH_IS_NULL ? "null" : "empty");
        else
            to += sprintf(to, " in");
        for (size_t j = 0; j < c->value_count; j++)
            to += sprintf(to, " %" PRId64, c->values[j]);
        for (size_t j = 0; j < c->real_count; j++)
            to += sprintf(to, " %g", c->reals[j]);
        for (size_t j = 0; j < c->text_count; j++)
            to += sprintf(to, " '%s'", c->texts[j]);
        to += sprintf(to, "%s%s", c->is_true ? " true" : "", c->is_false ? " false" : "");
        to += sprintf(to, "; ");
    }
}

static struct filter_text parsed;

Test(filter_text, is_read_as_it_is_meant)
{
    static const char *const cases[][2] = {
        {"year >= 1990 and year < 2000", "year >=1990; year <2000; "},
        {"1990 <= year < 2000", "year >=1990 <2000; "},
        {"2000>year>=-5", "year >=-5 <2000; "},
        {"5 < a", "a >5; "},
        {"a=1", "a in 1; "},
        {"a == 1 AND b != 2", "a in 1; !b in 2; "},
        {"stars in (4, 5,-6)", "stars in 4 5 -6; "},
        {"stars not in (1) and not stars in (2)", "!stars in 1; !stars in 2; "},
        {"not not a = 1", "a in 1; "},
        {"a is null and b is not null and c is empty and not d is empty", "a null; !b null; c empty; !d empty; "},
        {"stops[].city.size <= 1.5e3", "stops[].city.size <=1500; "},
        {"\"not\" = 1 and \"a b\" > 0", "not in 1; a b >0; "},
        {"order > 9223372036854775807", "order >9223372036854775807; "},
        {"order > 9223372036854775808", "order >9.22337e+18; "},
        {"city = 'Rome' and state != \"new york\"", "city in 'Rome'; !state in 'new york'; "},
        {"a in ('x', 2, 1.5, true, 'it \"is\"', 3) and b = ''", "a in 2 3 1.5 'x' 'it \"is\"' true; b in ''; "},
        {"open = true and closed != FALSE", "open in true; !closed in false; "},
        {"year = 1.5", "year in 1.5; "},
        {"notes = 1 and android = 2 and is_new = 3", "notes in 1; android in 2; is_new in 3; "},
    };
    char text[512];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(filter_text_parse(cases[i][0], &parsed), 0, "%s: %s", cases[i][0], parsed.problem);
        describe(&parsed, text);
        cr_expect_str_eq(text, cases[i][1], "%s: %s", cases[i][0], text);
    }
}

Test(filter_text, says_what_is_wrong_and_where)
{
    static const char *const cases[][2] = {
        {"", "name of a field is expected at 'the end'"},
        {"year", "is expected at 'the end'"},
        {"year >", "a number is expected at 'the end'"},
        {"year > x", "a number is expected at 'x'"},
        {"year > 5x", "a number is expected at '5x'"},
        {"year = x", "a number, a text in quotation marks, true or false is expected at 'x'"},
        {"year = 'x", "a quotation mark is missing"},
        {"year < 'x'", "a number is expected at ''x''"},
        {"year > 5 or year < 2", "'and' is expected at 'or year"},
        {"year in 5", "values in brackets"},
        {"year in (5", "a bracket is missing"},
        {"year in ()", "true or false is expected at ')'"},
        {"1 < year > 2", "point in different directions"},
        {"year is big", "'null' or 'empty' is expected at 'big'"},
        {"\"year = 5", "a quotation mark is missing"},
        {"year > 5 and", "name of a field is expected at 'the end'"},
        {"year > nan", "a number is expected"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(filter_text_parse(cases[i][0], &parsed), -EINVAL, "%s", cases[i][0]);
        cr_expect(strstr(parsed.problem, cases[i][1]), "%s: %s", cases[i][0], parsed.problem);
    }
}

Test(filter_text, its_size_is_bounded)
{
    static char text[20000];
    for (int i = 0; i < 70; i++)
        sprintf(text + strlen(text), "%sa = %d", i ? " and " : "", i);
    cr_assert_eq(filter_text_parse(text, &parsed), -EINVAL);
    cr_assert(strstr(parsed.problem, "more than 64 conditions"), "%s", parsed.problem);
    strcpy(text, "a in (0");
    for (int i = 0; i < 1100; i++)
        sprintf(text + strlen(text), ",%d", i);
    strcat(text, ")");
    cr_assert_eq(filter_text_parse(text, &parsed), -EINVAL);
    cr_assert(strstr(parsed.problem, "too many values"), "%s", parsed.problem);
    memset(text, 'x', 5000);
    strcpy(text + 5000, " = 1");
    cr_assert_eq(filter_text_parse(text, &parsed), -EINVAL);
    cr_assert(strstr(parsed.problem, "too long"), "%s", parsed.problem);
}
