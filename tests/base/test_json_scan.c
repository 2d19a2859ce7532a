/* test_json_scan.c -- which texts are JSON: each rule of RFC 8259 once, then random texts
 * against Jansson, an older and independent parser. */
#include "base/text/json_scan.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(json_scan, takes_what_is_json)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "18446744073709551616",
                                       "1e400",
                                       "-1.5E-3",
                                       "123456789012345678901234567890.5e+10",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       "\"\\u0000\\ud800\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                       "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                       "[]",
                                       "{}",
                                       " \t\r\n[ 1 , [ ] , { } ] ",
                                       "{\"a\":1,\"a\":{\"b\":[null]}}",
                                       "\"\x7f\""};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert(json_is_valid(good[i], strlen(good[i])), "%s", good[i]);
}

Test(json_scan, refuses_what_is_not_and_says_where)
{
    static const struct {
        const char *text;
        size_t at;
        const char *problem;
    } bad[] = {{"", 0, "too early"},
               {"[1", 2, "too early"},
               {"[1,]", 3, "begins so"},
               {"[1 2]", 3, "comma"},
               {"{\"a\"}", 4, "colon"},
               {"{a:1}", 1, "\""},
               {"{\"a\":1,}", 7, "\""},
               {"01", 2, "begins with 0"},
               {"-", 1, "digit"},
               {"1.", 2, "point"},
               {"1e", 2, "exponent"},
               {"+1", 0, "begins so"},
               {".5", 0, "begins so"},
               {"NaN", 0, "begins so"},
               {"nul", 3, "neither"},
               {"\"a", 2, "does not end"},
               {"\"\\x\"", 2, "escape"},
               {"\"\\u12g4\"", 5, "hexadecimal"},
               {"\"\n\"", 1, "control"},
               {"1 1", 2, "follows"},
               {"]", 0, "begins so"},
               {"\"\xff\"", 1, "UTF-8"},
               {"\"\xc0\x80\"", 1, "UTF-8"},
               {"\"\xed\xa0\x80\"", 1, "UTF-8"},
               {"\"\xf4\x90\x80\x80\"", 1, "UTF-8"},
               {"\"\xe2\x82\"", 1, "UTF-8"},
               {"'a'", 0, "begins so"},
               {"[1}", 2, "comma"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct json_scan s;
        struct json_slice all;
        json_scan_begin(&s, bad[i].text, strlen(bad[i].text));
        cr_assert_not(json_scan_value(&s, &all) && json_scan_end(&s), "%s", bad[i].text);
        cr_assert_eq(s.at, bad[i].at, "%s: at %zu", bad[i].text, s.at);
        cr_assert_not_null(strstr(s.problem, bad[i].problem), "%s: %s", bad[i].text, s.problem);
    }
}

Test(json_scan, depth_is_bounded)
{
    static char text[2 * (JSON_SCAN_DEPTH_MAX + 1)];
    for (size_t deep = JSON_SCAN_DEPTH_MAX; deep <= JSON_SCAN_DEPTH_MAX + 1; deep++) {
        memset(text, '[', deep);
        memset(text + deep, ']', deep);
        cr_assert_eq(json_is_valid(text, 2 * deep), deep == JSON_SCAN_DEPTH_MAX);
    }
    char wide[4096] = "[";
    /* arrays beside each other, not within each other */
    for (size_t i = 0; i < 2 * JSON_SCAN_DEPTH_MAX - 1; i += 2)
        memcpy(wide + 1 + i, i + 2 >= 2 * JSON_SCAN_DEPTH_MAX - 1 ? "7]" : "7,", 2);
    cr_assert(json_is_valid(wide, strlen(wide)), "%s", wide);
}

Test(json_scan, slices_are_the_text_as_it_is_written)
{
    static const char text[] = " { \"k\\u0065y\" : [1.50 , -0] , \"b\":{ \"c\" : null } } ";
    struct json_scan s;
    struct json_slice key, value;
    json_scan_begin(&s, text, strlen(text));
    cr_assert(json_scan_open(&s, '{'));
    cr_assert_eq(json_scan_member(&s, true, &key, &value), 1);
    cr_assert(key.size == 10 && memcmp(key.text, "\"k\\u0065y\"", 10) == 0);
    cr_assert(value.size == 11 && memcmp(value.text, "[1.50 , -0]", 11) == 0);
    cr_assert_eq(json_scan_member(&s, false, &key, &value), 1);
    cr_assert(value.size == 14 && memcmp(value.text, "{ \"c\" : null }", 14) == 0);
    cr_assert_eq(json_scan_member(&s, false, &key, &value), 0);
    cr_assert(json_scan_end(&s));
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

/* Jansson converts what it reads. So it refuses numbers that no double holds, halves of
 * surrogate pairs, and zeros in keys. */
static bool jansson_may_differ(const json_error_t *e, const char *text)
{
    return json_error_code(e) == json_error_numeric_overflow || strstr(text, "\\u");
}

Test(json_scan, agrees_with_jansson_on_random_text)
{
    static const char *const pieces[] = {"{",        "}",      "[",       "]",         ",",
                                         ":",        "\"",     "\"a\"",   "1",         "0",
                                         "-",        ".",      "e5",      "true",      "null",
                                         " ",        "\\n",    "\\u00e4", "\xc3\xa4",  "\xf0\x9f\x98\x80",
                                         "\xed\xa0", "\x01",   "[1,2]",   "{\"b\":3}", "99999999999999999999",
                                         "1e999",    "\"x\":", "\n"};
    uint64_t state = 11;
    size_t good = 0;
    for (int round = 0; round < 400000; round++) {
        char text[256] = "";
        const uint32_t n = 1 + draw(&state, 9);
        for (uint32_t i = 0; i < n; i++)
            strcat(text, pieces[draw(&state, sizeof(pieces) / sizeof(pieces[0]))]);
        json_error_t e;
        json_t *tree = json_loadb(text, strlen(text), JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &e);
        const bool valid = json_is_valid(text, strlen(text));
        good += valid;
        cr_assert(valid == (tree != NULL) || (valid && jansson_may_differ(&e, text)), "'%s': %d, Jansson: %s", text,
                  valid, tree ? "good" : e.text);
        json_decref(tree);
    }
    cr_assert_gt(good, 5000, "%zu", good);
}
