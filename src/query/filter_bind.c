/* filter_bind.c -- checks a client's filter, and gives its fields their numbers in a schema. */
#include "query/filter.h"

#include <errno.h>
#include <string.h>

static int check_tree(const struct filter *f, unsigned depth, unsigned *clauses, struct error *error)
{
    if (depth > FILTER_DEPTH_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "the filter is nested deeper than %d levels", FILTER_DEPTH_MAX);
    if ((unsigned)f->op >= FILTER_OPS)
        return error_set(error, ERROR_INVALID_ARGUMENT, "clause %d of the filter is unknown", (int)f->op);
    if (++*clauses > FILTER_CLAUSES_MAX || f->count > FILTER_CLAUSES_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "the filter has more than %d clauses; use fewer",
                         FILTER_CLAUSES_MAX);
    if (f->op == FILTER_TEST)
        return predicate_check(&f->test, error);
    if (f->op == FILTER_AT_LEAST && (f->least == 0 || f->least > f->count))
        return error_set(error, ERROR_INVALID_ARGUMENT, "the filter wants %u of %u clauses to pass", f->least,
                         f->count);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < f->count; i++)
        rc = check_tree(&f->children[i], depth + 1, clauses, error);
    return rc;
}

int filter_check(const struct filter *f, struct error *error)
{
    unsigned clauses = 0;
    return check_tree(f, 1, &clauses, error);
}

struct binding {
    const struct schema *schema;
    const char *collection;
    struct arena *arena;
    struct error *error;
};

static int no_memory(const struct binding *b)
{
    return error_set_errno(b->error, -ENOMEM, "the filter could not be read");
}

/* Copies the values of EQ and IN into the arena, sorted as columns expect them (values_sort()). */
static int bind_values(const struct binding *b, struct predicate *p)
{
    if (p->op != PREDICATE_EQ && p->op != PREDICATE_IN)
        return 0;
    struct value *items = arena_alloc(b->arena, (p->values.count + 1) * sizeof(*items));
    if (!items)
        return no_memory(b);
    if (p->values.count)
        memcpy(items, p->values.items, p->values.count * sizeof(*items));
    p->values.count = values_sort(items, p->values.count);
    p->values.items = items;
    return 0;
}

static int bind_test(const struct binding *b, struct predicate *p)
{
    const char *path = p->path ? p->path : "";
    const struct field_spec *field = schema_find_field(b->schema, path);
    if (!field)
        return error_set(b->error, ERROR_INVALID_ARGUMENT,
                         "the filter asks for field '%.*s', which '%s' has no index of; add it as a field of the "
                         "collection, with the kind of its values, as kith field add does",
                         FIELD_PATH_MAX, path, b->collection);
    const struct column_kind *kind = column_kind_of(field->kind);
    if (!(kind->operators & 1u << p->op))
        return error_set(b->error, ERROR_INVALID_ARGUMENT, "field '%s' is indexed as %s, which does not answer %s",
                         field->path, kind->name, predicate_op_name(p->op));
    p->field = field->number;
    p->kind = kind;
    /* copied, because the schema may be freed before the query ends */
    p->path = arena_copy(b->arena, field->path, strlen(field->path));
    if (!p->path)
        return no_memory(b);
    int rc = kind->accepts(p, b->error);
    return rc < 0 ? rc : bind_values(b, p);
}

static int bind_clause(const struct binding *b, const struct filter *f, struct filter *ret)
{
    *ret = *f;
    if (f->op == FILTER_TEST)
        return bind_test(b, &ret->test);
    struct filter *children = arena_alloc(b->arena, (f->count + 1) * sizeof(*children));
    if (!children)
        return no_memory(b);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < f->count; i++)
        rc = bind_clause(b, &f->children[i], &children[i]);
    ret->children = children;
    return rc;
}

int filter_bind(const struct filter *f, const struct schema *schema, const char *collection, struct arena *arena,
                const struct filter **ret, struct error *error)
{
    const struct binding b = {schema, collection, arena, error};
    int rc = filter_check(f, error);
    if (rc < 0)
        return rc;
    struct filter *root = arena_alloc(arena, sizeof(*root));
    if (!root)
        return no_memory(&b);
    rc = bind_clause(&b, f, root);
    *ret = root;
    return rc;
}
