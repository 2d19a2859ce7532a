/* column.c -- the functions that are the same for all column kinds. */
#include "columns/column.h"

int column_create(const struct column_kind *kind, uint16_t field, struct column *ret)
{
    *ret = (struct column){.kind = kind, .field = field};
    return kind->create(&ret->state);
}

void column_destroy(struct column *c)
{
    if (c->state)
        c->kind->destroy(c->state);
    *c = (struct column){0};
}

int column_append(struct column *c, const struct field_values *v)
{
    const int rc = c->kind->append(c->state, v);
    c->rows += rc == 0;
    return rc;
}

int column_append_row(struct column *c, const struct column *from, uint32_t row)
{
    check(c->kind == from->kind && row < from->rows);
    const int rc = c->kind->append_row(c->state, from->state, row);
    c->rows += rc == 0;
    return rc;
}

int column_sort(struct column *c, const struct pause *pause)
{
    return c->kind->sort(c->state, pause);
}

void column_estimate(const struct column *c, const struct predicate *p, struct cardinality *ret)
{
    c->kind->estimate(c->state, p, ret);
}

int column_select(const struct column *c, const struct predicate *p, struct row_set *set, const struct pause *pause)
{
    return c->kind->select(c->state, p, set, pause);
}

bool column_test(const struct column *c, const struct predicate *p, uint32_t row)
{
    return row < c->rows && c->kind->test(c->state, p, row);
}

unsigned column_save(struct column *c, struct column_region regions[COLUMN_REGIONS])
{
    return c->kind->save(c->state, regions);
}

int column_open(const struct column_kind *kind, uint16_t field, const struct column_region *regions, unsigned count,
                uint32_t rows, const struct pause *pause, struct column *ret, const char **ret_why)
{
    *ret = (struct column){.kind = kind, .field = field, .rows = rows, .in_file = true};
    return kind->open(regions, count, rows, pause, &ret->state, ret_why);
}

uint64_t column_memory(const struct column *c)
{
    return c->kind->memory(c->state);
}

uint64_t column_values(const struct column *c)
{
    return c->kind->values(c->state);
}
