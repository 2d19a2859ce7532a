/* test_error.c -- codes, sentences and errnos are translated into each other. */
#include "base/error.h"
#include "base/text/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, every_code_survives_the_way_through_an_errno)
{
    for (int code = ERROR_OK; code < ERROR_CODES; code++)
        cr_assert_eq(error_code_of(error_set(NULL, (enum error_code)code, "x")), (enum error_code)code, "%d", code);
}

Test(error, keeps_the_sentence_and_cuts_a_long_one)
{
    struct error e;
    cr_assert_eq(error_set(&e, ERROR_NOT_FOUND, "no collection %s", "words"), -ENOENT);
    cr_assert_str_eq(e.text, "no collection words");
    char longer[2 * ERROR_TEXT_MAX];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    error_set(&e, ERROR_IO, "%s", longer);
    cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
}

Test(error, a_sentence_is_utf8_even_where_a_character_was_cut)
{
    struct error e;
    error_set(&e, ERROR_NOT_FOUND, "no field '%.3s'", "a\xc3\xa9\xc3\xa9");
    cr_assert_str_eq(e.text, "no field 'a\xc3\xa9'");
    error_set(&e, ERROR_NOT_FOUND, "no field '%.4s'", "a\xc3\xa9\xc3\xa9");
    cr_assert_str_eq(e.text, "no field 'a\xc3\xa9?'");
    error_set_errno(&e, -EIO, "reading %s", "caf\xe9");
    cr_assert(strstr(e.text, "reading caf?: ") == e.text, "'%s'", e.text);
    char longer[2 * ERROR_TEXT_MAX + 1];
    for (size_t i = 0; i < sizeof(longer) - 1; i += 2)
        memcpy(longer + i, "\xc3\xa9", 2);
    longer[sizeof(longer) - 1] = 0;
    error_set(&e, ERROR_IO, "%s", longer); /* the end of the text is within a character */
    cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
    cr_assert(utf8_is_valid(e.text, strlen(e.text)));
}

Test(error, says_what_the_system_said)
{
    struct error e;
    cr_assert_eq(error_set_errno(&e, -ENOSPC, "writing %s", "log"), -ENOSPC);
    cr_assert_eq(e.code, ERROR_RESOURCE_EXHAUSTED);
    cr_assert_str_eq(e.text, "writing log: No space left on device");
}

Test(error, names_a_code_it_does_not_know)
{
    cr_assert_str_eq(error_code_name((enum error_code)4711), "unknown");
    cr_assert_str_eq(error_code_name(ERROR_CORRUPT), "corrupt");
}
