/* boolean.c -- a byte a row with four bits; every question is answered by asking all rows. */
#include "boolean.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PER_PAUSE 4096

enum { HAS_FALSE = 1, HAS_TRUE = 2, HAS_NULL = 4, IS_EMPTY = 8, ALL_BITS = 15 };

struct boolean_column {
    uint32_t rows, capacity;
    uint8_t *owned;      /* NULL: opened from a file */
    const uint8_t *bits; /* a byte a row */
};

/* -- what a predicate means -- */

static int accepts(const struct predicate *p, struct error *error)
{
    for (uint32_t i = 0; (p->op == PREDICATE_EQ || p->op == PREDICATE_IN) && i < p->values.count; i++)
        if (p->values.items[i].type != VALUE_BOOL)
            return error_set(error, ERROR_INVALID_ARGUMENT, "field '%.128s' is indexed as boolean; match true or false",
                             p->path);
    return 0;
}

/* The bits of which one must be there. */
static unsigned wanted(const struct predicate *p)
{
    unsigned bits = 0;
    if (p->op == PREDICATE_NULL)
        return HAS_NULL;
    if (p->op == PREDICATE_EMPTY)
        return IS_EMPTY;
    for (uint32_t i = 0; i < p->values.count; i++)
        bits |= p->values.items[i].boolean ? HAS_TRUE : HAS_FALSE;
    return bits;
}

static uint8_t bits_of(const struct field_values *v)
{
    unsigned bits = (v->has_null ? HAS_NULL : 0) | (v->is_empty ? IS_EMPTY : 0);
    for (uint32_t i = 0; i < v->count; i++)
        bits |= v->items[i].boolean ? HAS_TRUE : HAS_FALSE;
    return (uint8_t)bits;
}

static bool passes(const struct predicate *p, const struct field_values *v)
{
    return bits_of(v) & wanted(p);
}

static bool test(const void *column, const struct predicate *p, uint32_t row)
{
    return ((const struct boolean_column *)column)->bits[row] & wanted(p);
}

/* -- its life -- */

static int create(void **ret)
{
    *ret = calloc(1, sizeof(struct boolean_column));
    return *ret ? 0 : -ENOMEM;
}

static int add_row(struct boolean_column *c, uint8_t bits)
{
    if (c->rows == c->capacity) {
        const uint32_t capacity = c->capacity ? 2 * c->capacity : 64;
        uint8_t *grown = realloc(c->owned, capacity);
        if (!grown)
            return -ENOMEM;
        c->bits = c->owned = grown;
        c->capacity = capacity;
    }
    c->owned[c->rows++] = bits;
    return 0;
}

static int append(void *column, const struct field_values *v)
{
    return add_row(column, bits_of(v));
}

static int append_row(void *column, const void *from, uint32_t row)
{
    return add_row(column, ((const struct boolean_column *)from)->bits[row]);
}

static int sort(void *column, const struct pause *pause)
{
    return 0;
}

static uint64_t memory(const void *column)
{
    const struct boolean_column *c = column;
    return sizeof(*c) + c->capacity;
}

static uint64_t count_values(const void *column)
{
    return ((const struct boolean_column *)column)->rows;
}

static uint64_t need(uint32_t rows, uint64_t values, bool sorts)
{
    uint64_t capacity = rows ? 64 : 0;
    while (capacity < rows)
        capacity *= 2;
    return sizeof(struct boolean_column) + capacity;
}

static void destroy(void *column)
{
    free(((struct boolean_column *)column)->owned);
    free(column);
}

/* -- rows that pass -- */

static void estimate(const void *column, const struct predicate *p, struct cardinality *ret)
{
    const uint32_t rows = ((const struct boolean_column *)column)->rows;
    *ret = (struct cardinality){0, rows / 2, rows};
}

static int select_rows(const void *column, const struct predicate *p, struct row_set *set, const struct pause *pause)
{
    const struct boolean_column *c = column;
    int rc = 0;
    for (uint32_t row = 0; rc == 0 && row < c->rows && row < set->rows; row++) {
        if (test(c, p, row))
            row_set_add(set, row);
        rc = row % PER_PAUSE == PER_PAUSE - 1 ? pause_here(pause) : 0;
    }
    return rc;
}

/* -- files -- */

static unsigned save(void *column, struct column_region regions[COLUMN_REGIONS])
{
    const struct boolean_column *c = column;
    regions[0] = (struct column_region){"bits", c->bits, c->rows};
    return 1;
}

static int open_saved(const struct column_region *regions, unsigned count, uint32_t rows, const struct pause *pause,
                      void **ret, const char **ret_why)
{
    const uint8_t *bits = regions[0].bytes;
    *ret_why = "a boolean column is not a byte a row";
    if (count != 1 || strcmp(regions[0].name, "bits") != 0 || regions[0].size != rows)
        return -EINVAL;
    for (uint32_t row = 0; row < rows; row++)
        if (bits[row] & ~ALL_BITS)
            return -EINVAL;
    int rc = create(ret);
    if (rc == 0)
        *(struct boolean_column *)*ret = (struct boolean_column){.rows = rows, .bits = bits};
    return rc;
}

const struct column_kind column_boolean = {
    .name = "boolean",
    .id = BOOLEAN_ID,
    .version = 1,
    .operators = 1 << PREDICATE_EQ | 1 << PREDICATE_IN | 1 << PREDICATE_NULL | 1 << PREDICATE_EMPTY,
    .takes = 1 << VALUE_BOOL,
    .accepts = accepts,
    .passes = passes,
    .create = create,
    .append = append,
    .append_row = append_row,
    .sort = sort,
    .estimate = estimate,
    .select = select_rows,
    .test = test,
    .save = save,
    .open = open_saved,
    .memory = memory,
    .values = count_values,
    .need = need,
    .destroy = destroy,
};
