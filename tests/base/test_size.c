/* test_size.c -- texts of sizes are short and have a unit. */
#include "base/text/size.h"

#include <criterion/criterion.h>

Test(size, people_read_two_digits)
{
    char text[SIZE_TEXT_MAX];
    cr_assert_str_eq(size_format(12, text), "12 bytes");
    cr_assert_str_eq(size_format(1536, text), "1.5 KiB");
    cr_assert_str_eq(size_format((uint64_t)300 << 20, text), "300 MiB");
    cr_assert_str_eq(size_format((uint64_t)1 << 30, text), "1.0 GiB");
}
