/* Tests the measurement of loading: how long it took, and for how long writers were blocked. */
#include "load/load_target.h"

#include <criterion/criterion.h>

#define SECOND 1000000000ull

Test(load_fill, what_is_slower_than_the_fastest_tenth_was_held_up)
{
    struct fill_watch w = {.start_ns = 5 * SECOND, .tenths = FILL_TENTHS};
    for (unsigned i = 0; i < FILL_TENTHS; i++) /* 2 s for each tenth, 4 s for the last */
        w.tenth_ns[i] = w.start_ns + (2 * (i + 1) + (i == FILL_TENTHS - 1 ? 2 : 0)) * SECOND;
    cr_assert_float_eq(fill_seconds(&w), 22, 1e-9);
    cr_assert_float_eq(fill_held_up_seconds(&w), 2, 1e-9);
}

Test(load_fill, a_tenth_is_noted_when_its_last_row_is_acknowledged)
{
    struct fill_watch w = {0};
    fill_at(&w, 0, 95);
    cr_assert(w.start_ns > 0 && w.tenths == 0);
    fill_at(&w, 9, 95);
    cr_assert_eq(w.tenths, 0);
    fill_at(&w, 30, 95);
    cr_assert_eq(w.tenths, 3);
    fill_at(&w, 95, 95);
    cr_assert_eq(w.tenths, FILL_TENTHS);
    cr_assert_geq(fill_seconds(&w), fill_held_up_seconds(&w));
    fill_at(NULL, 1, 2); /* NULL: no one wants the result */
}
