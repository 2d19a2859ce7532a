/* test_column_memory.c -- a column takes no more memory than its kind says in advance, while it
 * grows, after its sort, and when its rows are copied. */
#include "../boolean/boolean.h"
#include "columns/column.h"

#include <criterion/criterion.h>

#define ITEMS_MAX 5

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 20) % below;
}

static void check_memory(const struct column *c, bool sorted)
{
    const uint64_t need = c->kind->need(c->rows, column_values(c), sorted), has = column_memory(c);
    cr_assert(has <= need, "%s, %u rows, sorted %d: %llu bytes of %llu", c->kind->name, c->rows, sorted,
              (unsigned long long)has, (unsigned long long)need);
}

/* Appends a row of up to ITEMS_MAX values that the kind reads. Returns how many. */
static uint32_t append(struct column *c, uint64_t *state)
{
    struct value items[ITEMS_MAX];
    const uint32_t count = (uint32_t)draw(state, ITEMS_MAX + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = c->kind == &column_boolean ? (struct value){VALUE_BOOL, .boolean = draw(state, 2)}
                                              : (struct value){VALUE_INTEGER, .integer = (int64_t)draw(state, 1 << 30)};
    const struct field_values v = {items, count, count == 0, draw(state, 10) == 0};
    cr_assert_eq(column_append(c, &v), 0);
    return count;
}

static void one_round(const struct column_kind *kind, uint64_t seed, uint32_t rows)
{
    uint64_t state = seed, values = 0;
    struct column c, copy;
    cr_assert_eq(column_create(kind, 1, &c), 0);
    cr_assert_eq(column_create(kind, 1, &copy), 0);
    check_memory(&c, false);
    while (c.rows < rows) {
        values += append(&c, &state);
        if (c.rows < 1000 || c.rows % 1000 == 0)
            check_memory(&c, false);
    }
    cr_assert(kind == &column_boolean || column_values(&c) == values);
    cr_assert_eq(column_sort(&c, NULL), 0);
    check_memory(&c, true);
    cr_assert_leq(kind->need(rows, values, false), kind->need(rows, values, true));
    while (copy.rows < rows)
        cr_assert_eq(column_append_row(&copy, &c, copy.rows), 0);
    cr_assert_eq(column_values(&copy), column_values(&c));
    check_memory(&copy, false);
    column_destroy(&copy);
    column_destroy(&c);
}

static const struct column_kind *const kinds[] = {NULL, &column_boolean};

static const struct column_kind *kind_at(size_t i)
{
    return kinds[i] ? kinds[i] : column_kind_named("integer");
}

Test(column_memory, a_column_takes_no_more_than_its_kind_says)
{
    static const uint32_t rows[] = {0, 1, 63, 64, 65, 2000, 300000};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (size_t n = 0; n < ARRAY_LEN(rows); n++)
            one_round(kind_at(i), n + 1, rows[n]);
}

/* The sort of integers moves values with their rows from one pair of arrays to another. */
Test(column_memory, a_sort_of_integers_asks_for_24_bytes_a_value)
{
    const struct column_kind *kind = column_kind_named("integer");
    for (uint64_t values = 1; values < 1 << 24; values *= 3)
        cr_assert_geq(kind->need(7, values, true) - kind->need(7, values, false), 24 * values);
    /* few values of many rows: the ends of the rows are laid out in one piece */
    cr_assert_geq(kind->need(1 << 24, 1, true) - kind->need(1 << 24, 1, false), (uint64_t)4 << 24);
}

/* So a segment that grows by steps never counts less than before. */
Test(column_memory, more_rows_or_values_never_need_less)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (uint32_t rows = 0; rows < 1 << 20; rows = rows * 5 / 4 + 1)
            for (unsigned sorts = 0; sorts < 2; sorts++) {
                const struct column_kind *kind = kind_at(i);
                const uint64_t need = kind->need(rows, 2 * (uint64_t)rows, sorts);
                cr_assert_leq(need, kind->need(rows + 1, 2 * (uint64_t)rows, sorts));
                cr_assert_leq(need, kind->need(rows, 2 * (uint64_t)rows + 1, sorts));
            }
}
