/* test_edit_distance.c -- edit distances of names, and which names are near enough to suggest. */
#include "base/text/edit_distance.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(edit_distance, counts_letters_put_in_taken_out_and_changed)
{
    cr_assert_eq(edit_distance("search", "search"), 0);
    cr_assert_eq(edit_distance("serch", "search"), 1);
    cr_assert_eq(edit_distance("searchh", "search"), 1);
    cr_assert_eq(edit_distance("saerch", "search"), 2);
    cr_assert_eq(edit_distance("", "search"), 6);
    cr_assert_eq(edit_distance("search", ""), 6);
    cr_assert_eq(edit_distance("kitten", "sitting"), 3);
    cr_assert_eq(edit_distance("x", "a name of more than thirty-one letters"), UINT32_MAX);
}

Test(edit_distance, a_name_is_near_when_few_of_its_letters_are_wrong)
{
    cr_assert(edit_is_near("serch", 1));
    cr_assert(edit_is_near("pnig", 2));
    cr_assert(edit_is_near("search.recal_sampel", 3));
    cr_assert_not(edit_is_near("foo", 2));
    cr_assert_not(edit_is_near("x", 1));
    cr_assert_not(edit_is_near("frobnicate", 8));
    cr_assert_not(edit_is_near("long", UINT32_MAX));
}
