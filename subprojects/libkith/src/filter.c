/* Conditions become the filter of a search: one list for each of must, must_not and should. */
#include "filter.h"
#include "arena.h"

static Kith__Number *number(struct kith *k, const struct kith_bound *b)
{
    Kith__Number *n = reply_arena_alloc(&k->scratch, sizeof(*n));
    if (!n)
        return NULL;
    kith__number__init(n);
    n->is_case = b->is_real ? KITH__NUMBER__IS_REAL : KITH__NUMBER__IS_INTEGER;
    if (b->is_real)
        n->real = b->real;
    else
        n->integer = b->integer;
    return n;
}

static bool range(struct kith *k, const struct kith_condition *from, Kith__Condition *to)
{
    Kith__Range *r = reply_arena_alloc(&k->scratch, sizeof(*r));
    if (!r)
        return false;
    kith__range__init(r);
    Kith__Number **low = from->low.kind == KITH_EXCLUSIVE ? &r->gt : &r->gte;
    Kith__Number **high = from->high.kind == KITH_EXCLUSIVE ? &r->lt : &r->lte;
    if (from->low.kind != KITH_UNBOUNDED && !(*low = number(k, &from->low)))
        return false;
    if (from->high.kind != KITH_UNBOUNDED && !(*high = number(k, &from->high)))
        return false;
    to->test_case = KITH__CONDITION__TEST_RANGE;
    to->range = r;
    return true;
}

static bool match(struct kith *k, const struct kith_condition *from, Kith__Condition *to)
{
    Kith__Match *m = reply_arena_alloc(&k->scratch, sizeof(*m));
    protobuf_c_boolean *booleans = reply_arena_alloc(&k->scratch, 2 * sizeof(*booleans));
    if (!m || !booleans)
        return false;
    kith__match__init(m);
    m->integers = (int64_t *)from->values; /* only read, as all of these */
    m->n_integers = from->value_count;
    m->reals = (double *)from->reals;
    m->n_reals = from->real_count;
    m->texts = (char **)from->texts;
    m->n_texts = from->text_count;
    m->booleans = booleans;
    if (from->is_true)
        booleans[m->n_booleans++] = true;
    if (from->is_false)
        booleans[m->n_booleans++] = false;
    to->test_case = KITH__CONDITION__TEST_MATCH;
    to->match = m;
    return true;
}

static Kith__Condition *condition(struct kith *k, const struct kith_condition *from)
{
    Kith__Condition *c = reply_arena_alloc(&k->scratch, sizeof(*c));
    if (!c)
        return NULL;
    kith__condition__init(c);
    c->field = (char *)from->field; /* only read */
    if (from->test == KITH_MATCH)
        return match(k, from, c) ? c : NULL;
    if (from->test == KITH_RANGE)
        return range(k, from, c) ? c : NULL;
    c->test_case = from->test == KITH_IS_NULL ? KITH__CONDITION__TEST_IS_NULL : KITH__CONDITION__TEST_IS_EMPTY;
    if (from->test == KITH_IS_NULL)
        c->is_null = true;
    else
        c->is_empty = true;
    return c;
}

Kith__Filter *filter_message(struct kith *k, const struct kith_condition *conditions, size_t count)
{
    reply_arena_reset(&k->scratch);
    Kith__Filter *f = reply_arena_alloc(&k->scratch, sizeof(*f));
    Kith__Condition **lists = reply_arena_alloc(&k->scratch, 3 * count * sizeof(*lists));
    if (!f || !lists)
        return NULL;
    kith__filter__init(f);
    f->must = lists;
    f->must_not = lists + count;
    f->should = lists + 2 * count;
    for (size_t i = 0; i < count; i++) {
        Kith__Condition *c = condition(k, &conditions[i]);
        if (!c)
            return NULL;
        if (conditions[i].clause == KITH_MUST)
            f->must[f->n_must++] = c;
        else if (conditions[i].clause == KITH_MUST_NOT)
            f->must_not[f->n_must_not++] = c;
        else
            f->should[f->n_should++] = c;
    }
    return f;
}
