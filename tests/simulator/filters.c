/* filters.c -- searches with filters. The model tests a point against one condition after the
 * other, with the values that payload_field() gives. It has neither columns nor plans. */
#include "filters.h"
#include "play.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* -- drawing -- */

/* Mostly a small number, as most fields hold; now and then the least or the greatest int64_t. */
static int64_t draw_integer(uint64_t *random)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX};
    return draw_one_in(random, 10) ? ends[draw(random) % ARRAY_LEN(ends)] : (int64_t)(draw(random) % 20) - 10;
}

static double draw_real(uint64_t *random)
{
    static const double ends[] = {-INFINITY, -0x1p63, -0.0, 0x1p63, 1e300, INFINITY};
    return draw_one_in(random, 4) ? ends[draw(random) % ARRAY_LEN(ends)] : (double)(draw(random) % 40) / 2 - 10;
}

static struct bound draw_bound(uint64_t *random)
{
    struct bound b = {.is = draw_one_in(random, 4)   ? BOUND_NONE
                            : draw_one_in(random, 3) ? BOUND_REAL
                                                     : BOUND_INTEGER,
                      .is_open = draw_one_in(random, 2)};
    b.integer = draw_integer(random);
    b.real = draw_real(random);
    return b;
}

static unsigned draw_field(unsigned fields, uint64_t *random)
{
    unsigned field = (unsigned)(draw(random) % FIELDS);
    while (!(fields >> field & 1))
        field = (field + 1) % FIELDS;
    return field;
}

static struct condition draw_condition(unsigned fields, uint64_t *random)
{
    static const enum condition_test tests[] = {CONDITION_MATCH, CONDITION_RANGE, CONDITION_RANGE,
                                                CONDITION_RANGE, CONDITION_NULL,  CONDITION_EMPTY};
    struct condition c = {.clause = (enum clause)(draw(random) % CLAUSES),
                          .test = tests[draw(random) % ARRAY_LEN(tests)],
                          .field = draw_field(fields, random),
                          .value_count = (unsigned)(draw(random) % (MATCH_VALUES_MAX + 1)),
                          .low = draw_bound(random)};
    c.high = draw_bound(random);
    for (unsigned i = 0; i < c.value_count; i++)
        c.values[i] = draw_integer(random);
    return c;
}

void filter_draw(struct drawn_filter *f, const struct payloads *payloads, unsigned fields, uint64_t *random)
{
    *f = (struct drawn_filter){.payloads = payloads};
    /* mostly few conditions, because hardly any point meets many */
    f->count = 1 + (unsigned)(draw(random) % CONDITIONS_MAX * (draw(random) % 3) / 2);
    f->count = f->count < CONDITIONS_MAX ? f->count : CONDITIONS_MAX;
    for (unsigned i = 0; i < f->count; i++)
        f->conditions[i] = draw_condition(fields, random);
}

/* -- what passes -- */

/* A long double holds every int64_t and every double exactly. */
static long double bound_value(const struct bound *b)
{
    return b->is == BOUND_INTEGER ? (long double)b->integer : (long double)b->real;
}

static bool is_in_range(const struct condition *c, int64_t x)
{
    const long double value = x, low = bound_value(&c->low), high = bound_value(&c->high);
    const bool above = c->low.is == BOUND_NONE || (c->low.is_open ? value > low : value >= low);
    const bool below = c->high.is == BOUND_NONE || (c->high.is_open ? value < high : value <= high);
    return above && below;
}

static bool is_matched(const struct condition *c, int64_t x)
{
    for (unsigned i = 0; i < c->value_count; i++)
        if (c->values[i] == x)
            return true;
    return false;
}

static bool is_met(const struct condition *c, const struct payload_field *f)
{
    if (c->test == CONDITION_NULL)
        return f->has_null;
    if (c->test == CONDITION_EMPTY)
        return f->is_empty;
    for (unsigned i = 0; i < f->count; i++)
        if (c->test == CONDITION_MATCH ? is_matched(c, f->values[i]) : is_in_range(c, f->values[i]))
            return true;
    return false;
}

static bool lets_pass(const struct drawn_filter *f, const struct payload_field fields[FIELDS])
{
    unsigned asked = 0, met = 0; /* conditions of `should` */
    for (unsigned i = 0; i < f->count; i++) {
        const struct condition *c = &f->conditions[i];
        const bool is = is_met(c, &fields[c->field]);
        if (c->clause == CLAUSE_SHOULD) {
            asked++;
            met += is;
        } else if (is != (c->clause == CLAUSE_MUST)) {
            return false;
        }
    }
    return asked == 0 || met > 0;
}

bool filter_lets_pass(const void *filter, uint64_t id, uint32_t version)
{
    const struct drawn_filter *f = filter;
    struct payload_field fields[FIELDS];
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = payload_field(f->payloads, id, version, i);
    return lets_pass(f, fields);
}

bool filter_lets_pass_without_fields(const struct drawn_filter *f)
{
    struct payload_field fields[FIELDS];
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = payload_field_missing();
    return lets_pass(f, fields);
}

/* -- for people -- */

static size_t bound_text(const struct bound *b, const char *open, const char *closed, char *text, size_t size)
{
    const char *sign = b->is_open ? open : closed;
    const int n = b->is == BOUND_NONE      ? 0
                  : b->is == BOUND_INTEGER ? snprintf(text, size, " %s %" PRId64, sign, b->integer)
                                           : snprintf(text, size, " %s %g", sign, b->real);
    return (size_t)n < size ? (size_t)n : size - 1;
}

static size_t condition_text(const struct condition *c, char *text, size_t size)
{
    static const char *const clauses[CLAUSES] = {"must", "must_not", "should"};
    static const char *const tests[] = {"in", "range", "null", "empty"};
    size_t n = (size_t)snprintf(text, size, "%s field%u %s", clauses[c->clause], c->field, tests[c->test]);
    for (unsigned i = 0; c->test == CONDITION_MATCH && i < c->value_count && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, " %" PRId64, c->values[i]);
    if (c->test == CONDITION_RANGE && n < size) {
        n += bound_text(&c->low, ">", ">=", text + n, size - n);
        n += bound_text(&c->high, "<", "<=", text + n, size - n);
    }
    return n < size ? n : size - 1;
}

const char *filter_text(const struct drawn_filter *f, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < f->count && n + 3 < size; i++) {
        if (i > 0)
            n += (size_t)snprintf(text + n, size - n, "; ");
        n += condition_text(&f->conditions[i], text + n, size - n);
    }
    return text;
}

/* -- the message -- */

static Kith__Number *bound_message(const struct bound *b, Kith__Number *n)
{
    kith__number__init(n);
    n->is_case = b->is == BOUND_INTEGER ? KITH__NUMBER__IS_INTEGER : KITH__NUMBER__IS_REAL;
    if (b->is == BOUND_INTEGER)
        n->integer = b->integer;
    else
        n->real = b->real;
    return n;
}

static void range_message(const struct condition *c, Kith__Number numbers[2], Kith__Range *r)
{
    kith__range__init(r);
    if (c->low.is != BOUND_NONE)
        *(c->low.is_open ? &r->gt : &r->gte) = bound_message(&c->low, &numbers[0]);
    if (c->high.is != BOUND_NONE)
        *(c->high.is_open ? &r->lt : &r->lte) = bound_message(&c->high, &numbers[1]);
}

static void condition_message(struct filter_message *m, const struct drawn_filter *f, unsigned i)
{
    const struct condition *c = &f->conditions[i];
    Kith__Condition *to = &m->conditions[i];
    kith__condition__init(to);
    payload_path(f->payloads->owner, c->field, m->paths[i]);
    to->field = m->paths[i];
    switch (c->test) {
    case CONDITION_MATCH:
        kith__match__init(&m->matches[i]);
        m->matches[i].integers = (int64_t *)(uintptr_t)c->values; /* only read */
        m->matches[i].n_integers = c->value_count;
        to->test_case = KITH__CONDITION__TEST_MATCH;
        to->match = &m->matches[i];
        break;
    case CONDITION_RANGE:
        range_message(c, m->numbers + (size_t)2 * i, &m->ranges[i]);
        to->test_case = KITH__CONDITION__TEST_RANGE;
        to->range = &m->ranges[i];
        break;
    case CONDITION_NULL:
        to->test_case = KITH__CONDITION__TEST_IS_NULL;
        to->is_null = true;
        break;
    case CONDITION_EMPTY:
        to->test_case = KITH__CONDITION__TEST_IS_EMPTY;
        to->is_empty = true;
        break;
    }
}

void filter_message_init(struct filter_message *m, const struct drawn_filter *f)
{
    size_t counts[CLAUSES] = {0};
    kith__filter__init(&m->filter);
    for (unsigned i = 0; i < f->count; i++) {
        const enum clause clause = f->conditions[i].clause;
        condition_message(m, f, i);
        m->clauses[clause][counts[clause]++] = &m->conditions[i];
    }
    m->filter.must = m->clauses[CLAUSE_MUST];
    m->filter.n_must = counts[CLAUSE_MUST];
    m->filter.must_not = m->clauses[CLAUSE_MUST_NOT];
    m->filter.n_must_not = counts[CLAUSE_MUST_NOT];
    m->filter.should = m->clauses[CLAUSE_SHOULD];
    m->filter.n_should = counts[CLAUSE_SHOULD];
}

/* -- looking -- */

/* The bits of the fields that are there for certain, or of those that may be there. */
static unsigned fields_there(const struct fields *f, bool certainly)
{
    unsigned fields = 0;
    for (unsigned i = 0; i < FIELDS; i++)
        if (f->now[i] & FIELD_PRESENT && !(certainly && f->now[i] & FIELD_ABSENT))
            fields |= 1u << i;
    return fields;
}

/* Mostly fields that are there. A filter on another field is refused. */
static unsigned choose_fields(const struct fields *f, uint64_t *random)
{
    return draw_one_in(random, 64) ? (1u << FIELDS) - 1 : fields_there(f, !draw_one_in(random, 8));
}

void look_by_filter(struct player *p, struct book *b, bool exact)
{
    uint64_t *random = &p->filters_random;
    struct drawn_filter filter;
    const unsigned fields = choose_fields(&b->fields, random);
    if (fields == 0)
        return;
    filter_draw(&filter, &b->payloads, fields, random);
    const uint32_t all = b->shared ? MODEL_IDS * PLAYERS_MAX : MODEL_IDS;
    const struct search_draw draw_of = {
        .random = random,
        .exact = exact,
        .k = draw_one_in(random, 3) ? all : 1 + (uint32_t)(draw(random) % (exact ? all : MODEL_IDS)),
        .filter = &filter};
    look_by_draw(p, b, &draw_of);
}
