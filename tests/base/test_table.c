/* test_table.c -- a hash table gives what a plain array gives: random puts, changes and
 * removals, with colliding hashes. */
#include "base/table.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define ITEMS 500

static uint64_t there[ITEMS]; /* value of each number; 0: none */

static bool is_numbered(uint64_t value, const void *key, const void *arg)
{
    return value % ITEMS == *(const uint64_t *)key;
}

static void compare(const struct table *t, uint64_t (*hash)(uint64_t number))
{
    size_t count = 0;
    for (uint64_t i = 0; i < ITEMS; i++) {
        cr_assert_eq(table_find(t, hash(i), is_numbered, &i, NULL), there[i]);
        count += there[i] != 0;
    }
    cr_assert_eq(t->used, count);
}

static void change_much(uint64_t (*hash)(uint64_t number))
{
    struct table t = {0};
    srand(1);
    for (unsigned step = 0; step < 20000; step++) {
        const uint64_t i = (uint64_t)rand() % ITEMS, value = i + ITEMS * (uint64_t)(1 + rand() % 1000);
        if (!there[i]) {
            cr_assert_eq(table_reserve(&t, 1), 0);
            table_put(&t, hash(i), value);
            there[i] = value;
        } else if (step % 3) {
            table_remove(&t, hash(i), there[i]);
            there[i] = 0;
        } else {
            table_change(&t, hash(i), there[i], value);
            there[i] = value;
        }
        if (step % 500 == 0)
            compare(&t, hash);
    }
    compare(&t, hash);
    table_fini(&t);
}

Test(table, agrees_with_an_array)
{
    change_much(table_hash);
}

static uint64_t few(uint64_t number)
{
    /* also at the end, where probing wraps around */
    return number % 7 ? number % 13 : UINT64_MAX;
}

Test(table, agrees_with_an_array_when_hashes_collide)
{
    change_much(few);
}

Test(table, numbers_need_no_comparison)
{
    struct table t = {0};
    cr_assert_eq(table_find_number(&t, 7), 0u);
    cr_assert_eq(table_reserve(&t, 3), 0);
    table_put(&t, table_hash(7), 70);
    table_put(&t, table_hash(0), 1);
    cr_assert_eq(table_find_number(&t, 7), 70u);
    cr_assert_eq(table_find_number(&t, 0), 1u);
    cr_assert_eq(table_find_number(&t, 8), 0u);
    cr_assert_neq(table_hash_text("a"), table_hash_text("b"));
    table_fini(&t);
}
