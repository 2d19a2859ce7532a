/* Sizes are read as people write them, and what is not clear is refused. */
#include "base/size.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t parsed(const char *text, uint64_t whole)
{
    uint64_t ret = 0;
    cr_assert(size_parse(text, whole, &ret), "%s", text);
    return ret;
}

Test(size, units_are_powers_of_1024_and_may_have_a_fraction)
{
    cr_assert_eq(parsed("4096", 0), 4096);
    cr_assert_eq(parsed("64KiB", 0), 64u << 10);
    cr_assert_eq(parsed("512MiB", 0), (uint64_t)512 << 20);
    cr_assert_eq(parsed("1.5GiB", 0), (uint64_t)1536 << 20);
    cr_assert_eq(parsed("2TiB", 0), (uint64_t)2 << 40);
}

Test(size, a_share_needs_a_whole_and_is_at_most_that)
{
    uint64_t ret;
    cr_assert_eq(parsed("60%", 1000), 600);
    cr_assert_eq(parsed("12.5%", 800), 100);
    cr_assert_not(size_parse("60%", 0, &ret));
    cr_assert_not(size_parse("101%", 1000, &ret));
}

Test(size, what_is_not_clear_is_refused)
{
    static const char *const bad[] = {"",     "GiB", "8GB",    "8 GiB", "8gib",      "-1",  "1e9",
                                      "0x10", "inf", "1.GiB", ".5GiB", "8GiB and", "nan", "99999999999GiB"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        uint64_t ret;
        cr_assert_not(size_parse(bad[i], 1000, &ret), "%s", bad[i]);
    }
}

Test(size, people_read_two_digits)
{
    char text[SIZE_TEXT_MAX];
    cr_assert_str_eq(size_format(12, text), "12 bytes");
    cr_assert_str_eq(size_format(1536, text), "1.5 KiB");
    cr_assert_str_eq(size_format((uint64_t)300 << 20, text), "300 MiB");
    cr_assert_str_eq(size_format((uint64_t)1 << 30, text), "1.0 GiB");
}
