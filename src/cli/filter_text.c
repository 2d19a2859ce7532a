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

/* A copy of n bytes that conditions point at; NULL after a failure. */
static const char *keep_text(struct parse *p, const char *text, size_t n)
{
    struct filter_text *t = p->to;
    if (n + 1 > sizeof(t->text) - t->text_bytes) {
        (void)fail(p, "the filter is too long");
        return NULL;
    }
    char *to = memcpy(t->text + t->text_bytes, text, n);
    to[n] = 0;
    t->text_bytes += n + 1;
    return to;
}

/* Between two of the quotation marks that it begins with. */
static int quoted(struct parse *p, const char **ret)
{
    const char mark[] = {*p->at, 0}, *begin = p->at + 1;
    const size_t n = strcspn(begin, mark);
    if (!begin[n])
        return fail(p, "a quotation mark is missing");
    *ret = keep_text(p, begin, n);
    p->at = *ret ? begin + n + 1 : p->at;
    return *ret ? 0 : -EINVAL;
}

static int field(struct parse *p, const char **ret)
{
    size_t n = 0;
    skip_space(p);
    if (*p->at == '"' && p->at[1] != '"')
        return quoted(p, ret);
    while (p->at[n] && is_name(p->at[n]))
        n++;
    if (n == 0)
        return fail(p, "the name of a field is expected");
    *ret = keep_text(p, p->at, n);
    p->at += *ret ? n : 0;
    return *ret ? 0 : -EINVAL;
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

/* The values of a condition lie one behind the other, by types: its first one says where. */
static int add_number(struct parse *p, struct kith_condition *c)
{
    struct filter_text *t = p->to;
    struct kith_bound b;
    int rc = number(p, &b);
    if (rc == 0 && b.is_real) {
        c->reals = c->real_count ? c->reals : &t->reals[t->real_count];
        t->reals[t->real_count++] = b.real;
        c->real_count++;
    } else if (rc == 0) {
        c->values = c->value_count ? c->values : &t->numbers[t->number_count];
        t->numbers[t->number_count++] = b.integer;
        c->value_count++;
    }
    return rc;
}

static int add_text(struct parse *p, struct kith_condition *c)
{
    struct filter_text *t = p->to;
    const char *text;
    int rc = quoted(p, &text);
    if (rc < 0)
        return rc;
    c->texts = c->text_count ? c->texts : &t->texts[t->text_count];
    t->texts[t->text_count++] = text;
    c->text_count++;
    return 0;
}

static int one_value(struct parse *p, struct kith_condition *c)
{
    const struct filter_text *t = p->to;
    if (t->number_count + t->real_count + t->text_count == FILTER_VALUES_MAX)
        return fail(p, "too many values");
    skip_space(p);
    if (*p->at == '"' || *p->at == '\'')
        return add_text(p, c);
    if (at_number(p))
        return add_number(p, c);
    const bool is_true = word(p, "true"), is_false = !is_true && word(p, "false");
    c->is_true |= is_true;
    c->is_false |= is_false;
    return is_true || is_false ? 0 : fail(p, "a number, a text in quotation marks, true or false is expected");
}

static int list_of_values(struct parse *p, struct kith_condition *c)
{
    if (!sign(p, "("))
        return fail(p, "values in brackets are expected");
    do {
        int rc = one_value(p, c);
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
        return one_value(p, c);
    }
    if (sign(p, "==") || sign(p, "="))
        return one_value(p, c);
    if (word(p, "is")) {
        if (word(p, "not"))
            turn_around(c);
        c->test = word(p, "null") ? KITH_IS_NULL : KITH_IS_EMPTY;
        return c->test == KITH_IS_NULL || word(p, "empty") ? 0 : fail(p, "'null' or 'empty' is expected");
    }
    if (word(p, "not"))
        turn_around(c);
    return word(p, "in") ? list_of_values(p, c) : fail(p, "one of = != < <= > >= in is, is expected");
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
    ret->count = ret->number_count = ret->real_count = ret->text_count = ret->text_bytes = 0;
    int rc;
    do
        rc = condition(&p);
    while (rc == 0 && word(&p, "and"));
    skip_space(&p);
    return rc < 0 ? rc : *p.at ? fail(&p, "'and' is expected") : 0;
}
