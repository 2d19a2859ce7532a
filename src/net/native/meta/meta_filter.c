/* meta_filter.c -- translates each condition to one predicate. src/query checks their meaning, for
 * all protocols. */
#include "net/native/meta/meta_filter.h"

#include <errno.h>
#include <string.h>

static int no_memory(struct request *rq)
{
    return error_set_errno(&rq->error, -ENOMEM, "the filter could not be read");
}

/* Refuses a part of the message that only a newer server knows. If it were ignored, points that the
 * client excludes would be hits. what: the message, for people. */
static int check_known(struct request *rq, const ProtobufCMessage *m, const char *what)
{
    if (m->n_unknown_fields == 0)
        return 0;
    return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                     "the %s has field %u of its message, which this version of Kith does not know; leave it out, or "
                     "update the server",
                     what, m->unknown_fields[0].tag);
}

static struct value number(const Kith__Number *n)
{
    if (n && n->is_case == KITH__NUMBER__IS_INTEGER)
        return (struct value){VALUE_INTEGER, .integer = n->integer};
    if (n && n->is_case == KITH__NUMBER__IS_REAL)
        return (struct value){VALUE_FLOAT, .number = n->real};
    return (struct value){.type = VALUE_NULL};
}

static int read_range(struct request *rq, const Kith__Range *from, struct predicate *p)
{
    p->op = PREDICATE_RANGE;
    if ((from->gt && from->gte) || (from->lt && from->lte))
        return error_set(
            &rq->error, ERROR_INVALID_ARGUMENT,
            "the range on field '%.128s' has two bounds on one side; give one of gt and gte, and one of lt and lte",
            p->path);
    p->range.low = number(from->gt ? from->gt : from->gte);
    p->range.high = number(from->lt ? from->lt : from->lte);
    p->range.low_open = from->gt != NULL;
    p->range.high_open = from->lt != NULL;
    return 0;
}

static struct value *add_text(struct value *to, const char *text)
{
    *to = (struct value){.type = VALUE_STRING};
    to->string.bytes = text;
    to->string.size = strlen(text);
    return to + 1;
}

static int read_match(struct request *rq, const Kith__Match *from, struct predicate *p)
{
    const size_t count = from->n_integers + from->n_reals + from->n_booleans + from->n_texts;
    p->op = PREDICATE_IN;
    if (count > PREDICATE_VALUES_MAX)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "a match on field '%.128s' has %zu values, but %d at most are allowed; split the query",
                         p->path, count, PREDICATE_VALUES_MAX);
    struct value *items = arena_alloc(&rq->arena, (count + 1) * sizeof(*items)), *to = items;
    if (!items)
        return no_memory(rq);
    for (size_t i = 0; i < from->n_integers; i++)
        *to++ = (struct value){VALUE_INTEGER, .integer = from->integers[i]};
    for (size_t i = 0; i < from->n_reals; i++)
        *to++ = (struct value){VALUE_FLOAT, .number = from->reals[i]};
    for (size_t i = 0; i < from->n_booleans; i++)
        *to++ = (struct value){VALUE_BOOL, .boolean = from->booleans[i]};
    for (size_t i = 0; i < from->n_texts; i++)
        to = add_text(to, from->texts[i]);
    p->values.items = items;
    p->values.count = (uint32_t)count;
    return 0;
}

static int read_condition(struct request *rq, const Kith__Condition *from, struct filter *ret)
{
    struct predicate *p = &ret->test;
    *ret = (struct filter){.op = FILTER_TEST, .test = {.path = from->field}};
    const int known = check_known(rq, &from->base, "condition of a filter");
    if (known < 0)
        return known;
    switch (from->test_case) {
    case KITH__CONDITION__TEST_MATCH: return read_match(rq, from->match, p);
    case KITH__CONDITION__TEST_RANGE: return read_range(rq, from->range, p);
    case KITH__CONDITION__TEST_IS_NULL:
    case KITH__CONDITION__TEST_IS_EMPTY:
        p->op = from->test_case == KITH__CONDITION__TEST_IS_NULL ? PREDICATE_NULL : PREDICATE_EMPTY;
        return 0;
    default:
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the condition on field '%.128s' has no test; give a match, a range, is_null or is_empty",
                         from->field);
    }
}

static int read_clause(struct request *rq, Kith__Condition *const *from, size_t count, enum filter_op op,
                       struct filter *ret)
{
    struct filter *children = arena_alloc(&rq->arena, (count + 1) * sizeof(*children));
    if (!children)
        return no_memory(rq);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_condition(rq, from[i], &children[i]);
    *ret = (struct filter){.op = op, .count = (uint32_t)count, .children = children};
    return rc;
}

int meta_filter(struct request *rq, const Kith__Filter *from, const struct filter **ret)
{
    *ret = NULL;
    const int known = from ? check_known(rq, &from->base, "filter") : 0;
    if (known < 0)
        return known;
    if (!from || from->n_must + from->n_must_not + from->n_should == 0)
        return 0;
    if (from->n_must + from->n_must_not + from->n_should > FILTER_CLAUSES_MAX)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "the filter has more than %d conditions; use fewer",
                         FILTER_CLAUSES_MAX);
    struct filter *all = arena_alloc(&rq->arena, 4 * sizeof(*all)), *clause = all + 1;
    if (!all)
        return no_memory(rq);
    int rc = 0;
    if (from->n_must)
        rc = read_clause(rq, from->must, from->n_must, FILTER_ALL, clause++);
    if (rc == 0 && from->n_must_not)
        rc = read_clause(rq, from->must_not, from->n_must_not, FILTER_NONE, clause++);
    if (rc == 0 && from->n_should)
        rc = read_clause(rq, from->should, from->n_should, FILTER_ANY, clause++);
    *all = (struct filter){.op = FILTER_ALL, .count = (uint32_t)(clause - all - 1), .children = all + 1};
    *ret = clause == all + 2 ? all + 1 : all;
    return rc;
}
