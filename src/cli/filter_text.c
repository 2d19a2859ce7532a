/* filter_text.c -- a parser without recursion, because a filter is a flat list of conditions. */
#include "cli/filter_text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parse {
    const char *text, *at;
    struct filter_text *to;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parse *p, const char *format, ...)
{
    char what[96];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(p->to->problem, sizeof(p->to->problem), "%s at '%.40s'", what, *p->at ? p->at : "the end");
    return -EINVAL;
}

static void skip_space(struct parse *p)
{
    p->at += strspn(p->at, " \t\n");
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.[]-", c)) || (unsigned char)c >= 0x80;
}

/* Takes a keyword, in upper or lower case. */
static bool word(struct parse *p, const char *wanted)
{
    const size_t n = strlen(wanted);
    skip_space(p);
    if (strncasecmp(p->at, wanted, n) != 0 || (p->at[n] && is_name(p->at[n])))
        return false;
    p->at += n;
    return true;
}

static bool sign(struct parse *p, const char *wanted)
{
    skip_space(p);
    if (strncmp(p->at, wanted, strlen(wanted)) != 0)
        return false;
    p->at += strlen(wanted);
    return true;
}

/* -- parts -- */

static bool at_number(struct parse *p)
{
    skip_space(p);
    return isdigit((unsigned char)*p->at) || ((*p->at == '-' || *p->at == '+' || *p->at == '.') && p->at[1]);
}

static int number(struct parse *p, struct kith_bound *ret)
{
    char *end, *real_end;
    skip_space(p);
    errno = 0;
    ret->integer = strtoll(p->at, &end, 10);
    const bool too_large = errno == ERANGE;
    ret->real = strtod(p->at, &real_end);
    if (real_end == p->at || !isfinite(ret->real))
        return fail(p, "a number is expected");
    ret->is_real = real_end != end || too_large;
    if (is_name(*real_end))
        return fail(p, "a number is expected");
    p->at = real_end;
    return 0;
}

static int whole_number(struct parse *p, int64_t *ret)
{
    struct kith_bound b;
    skip_space(p);
    const char *before = p->at;
    int rc = number(p, &b);
    if (rc == 0 && b.is_real) {
        p->at = before;
        return fail(p, "a whole number is expected");
    }
    *ret = b.integer;
    return rc;
}

static int field(struct parse *p, const char **ret)
{
    struct filter_text *t = p->to;
    const char *begin;
    size_t n;
    skip_space(p);
    if (*p->at == '"') {
        begin = p->at + 1;
        n = strcspn(begin, "\"");
        if (!begin[n])
            return fail(p, "a quotation mark is missing");
        p->at = begin + n + 1;
    } else {
        begin = p->at;
        for (n = 0; begin[n] && is_name(begin[n]);)
            n++;
        p->at += n;
    }
    if (n == 0)
        return fail(p, "the name of a field is expected");
    if (n + 1 > sizeof(t->fields) - t->field_bytes)
        return fail(p, "the filter is too long");
    char *to = t->fields + t->field_bytes;
    memcpy(to, begin, n);
    to[n] = 0;
    t->field_bytes += n + 1;
    *ret = to;
    return 0;
}

static struct kith_condition *add_condition(struct parse *p)
{
    struct filter_text *t = p->to;
    if (t->count == FILTER_CONDITIONS_MAX)
        return NULL;
    struct kith_condition *c = &t->conditions[t->count++];
    *c = (struct kith_condition){.clause = KITH_MUST};
    return c;
}

static void turn_around(struct kith_condition *c)
{
    c->clause = c->clause == KITH_MUST ? KITH_MUST_NOT : KITH_MUST;
}

static int one_number(struct parse *p, struct kith_condition *c)
{
    struct filter_text *t = p->to;
    if (t->number_count == FILTER_NUMBERS_MAX)
        return fail(p, "too many numbers");
    if (c->value_count == 0)
        c->values = &t->numbers[t->number_count];
    int rc = whole_number(p, &t->numbers[t->number_count]);
    t->number_count += rc == 0;
    c->value_count += rc == 0;
    return rc;
}

static int list_of_numbers(struct parse *p, struct kith_condition *c)
{
    if (!sign(p, "("))
        return fail(p, "numbers in brackets are expected");
    do {
        int rc = one_number(p, c);
        if (rc < 0)
            return rc;
    } while (sign(p, ","));
    return sign(p, ")") ? 0 : fail(p, "a bracket is missing");
}

/* Takes < or <= (upper: the field is below the number), or > or >=. */
static bool comparison(struct parse *p, bool *upper, enum kith_bound_kind *kind)
{
    skip_space(p);
    if (*p->at != '<' && *p->at != '>')
        return false;
    *upper = *p->at++ == '<';
    *kind = KITH_EXCLUSIVE;
    if (*p->at == '=') {
        p->at++;
        *kind = KITH_INCLUSIVE;
    }
    return true;
}

static int bound(struct parse *p, struct kith_condition *c, bool upper, enum kith_bound_kind kind)
{
    struct kith_bound *b = upper ? &c->high : &c->low;
    c->test = KITH_RANGE;
    int rc = number(p, b);
    b->kind = kind;
    return rc;
}

/* Parses the condition after the name of a field. */
static int test(struct parse *p, struct kith_condition *c)
{
    bool upper;
    enum kith_bound_kind kind;
    if (comparison(p, &upper, &kind))
        return bound(p, c, upper, kind);
    if (sign(p, "!=")) {
        turn_around(c);
        return one_number(p, c);
    }
    if (sign(p, "==") || sign(p, "="))
        return one_number(p, c);
    if (word(p, "is")) {
        if (word(p, "not"))
            turn_around(c);
        c->test = word(p, "null") ? KITH_IS_NULL : KITH_IS_EMPTY;
        return c->test == KITH_IS_NULL || word(p, "empty") ? 0 : fail(p, "'null' or 'empty' is expected");
    }
    if (word(p, "not"))
        turn_around(c);
    return word(p, "in") ? list_of_numbers(p, c) : fail(p, "one of = != < <= > >= in is, is expected");
}

/* Parses "1990 <= year < 2000". */
static int between(struct parse *p, struct kith_condition *c)
{
    struct kith_bound first;
    bool upper, upper_again;
    enum kith_bound_kind kind;
    int rc = number(p, &first);
    if (rc < 0)
        return rc;
    if (!comparison(p, &upper, &kind))
        return fail(p, "one of < <= > >= is expected");
    first.kind = kind;
    c->test = KITH_RANGE;
    *(upper ? &c->low : &c->high) = first; /* in "5 < field" the number is the lower bound */
    rc = field(p, &c->field);
    if (rc < 0 || !comparison(p, &upper_again, &kind))
        return rc;
    if (upper != upper_again)
        return fail(p, "the two comparisons point in different directions");
    return bound(p, c, upper, kind);
}

static int condition(struct parse *p)
{
    struct kith_condition *c = add_condition(p);
    if (!c)
        return fail(p, "more than %d conditions", FILTER_CONDITIONS_MAX);
    while (word(p, "not"))
        turn_around(c);
    if (at_number(p))
        return between(p, c);
    int rc = field(p, &c->field);
    return rc < 0 ? rc : test(p, c);
}

int filter_text_parse(const char *text, struct filter_text *ret)
{
    struct parse p = {text, text, ret};
    ret->count = ret->number_count = ret->field_bytes = 0;
    int rc;
    do
        rc = condition(&p);
    while (rc == 0 && word(&p, "and"));
    skip_space(&p);
    return rc < 0 ? rc : *p.at ? fail(&p, "'and' is expected") : 0;
}
