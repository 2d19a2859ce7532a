/* Over how many cores a search goes. */
#include "actors/spread.h"

#include <criterion/criterion.h>

Test(spread, every_way_has_a_name_that_leads_back_to_it)
{
    for (enum spread s = SPREAD_AUTO; s < SPREAD_COUNT; s++) {
        enum spread found = SPREAD_UNSAID;
        cr_assert(spread_parse(spread_name(s), &found));
        cr_assert_eq(found, s);
    }
    enum spread untouched = SPREAD_ONE;
    cr_assert(!spread_parse("", &untouched));
    cr_assert(!spread_parse("2", &untouched));
    cr_assert_eq(untouched, SPREAD_ONE);
    cr_assert_null(spread_name(SPREAD_UNSAID));
    cr_assert_null(spread_name(SPREAD_COUNT));
}
