#include "base/text/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t first(const char *text)
{
    return utf8_character(text, strlen(text));
}

Test(utf8, a_character_has_one_to_four_bytes)
{
    cr_assert_eq(first("a"), 1);
    cr_assert_eq(first("\xc2\x80"), 2); /* the first code point of two bytes, and the last */
    cr_assert_eq(first("\xdf\xbf"), 2);
    cr_assert_eq(first("\xe0\xa0\x80"), 3);
    cr_assert_eq(first("\xed\x9f\xbf"), 3); /* the code points before and behind the surrogates */
    cr_assert_eq(first("\xee\x80\x80"), 3);
    cr_assert_eq(first("\xf0\x90\x80\x80"), 4);
    cr_assert_eq(first("\xf4\x8f\xbf\xbf"), 4);
    cr_assert_eq(utf8_character("", 1), 1, "a NUL byte");
    cr_assert_eq(utf8_character("", 0), 0, "nothing");
}

Test(utf8, what_is_not_well_formed_is_no_character)
{
    static const char *const wrong[] = {
        "\x80",         "\xbf",         "\xc0\x80",         "\xc1\xbf",         "\xc2",
        "\xc2 ",        "\xe0\x9f\xbf", "\xed\xa0\x80",     "\xe2\x82",         "\xe2\x82 ",
        "\xff",         "\xfe",         "\xf5\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf0\x90\x80",
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_eq(first(wrong[i]), 0, "number %u", i);
}

Test(utf8, all_of_a_text_is_looked_at)
{
    cr_assert(utf8_is_valid("", 0));
    cr_assert(utf8_is_valid("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 16));
    cr_assert(!utf8_is_valid("na\xc3\xafve \xe2\x82", 9), "it ends within a character");
    cr_assert(!utf8_is_valid("ab\xff", 3));
    cr_assert(utf8_is_valid("a\0b", 3));
}
