/* test_settings.c -- the table of settings keeps its own rules, reads what it writes, and says
 * what is wrong; and the text of the file. */
#include "actors/catalog/settings_keeper.h"
#include "base/log.h"
#include "base/memory.h"
#include "query/query.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static unsigned which(const char *name)
{
    unsigned i = 0;
    cr_assert_eq(setting_find(name, &i, NULL), 0, "%s", name);
    return i;
}

static uint64_t parse(const char *name, const char *text)
{
    struct error error = {0};
    uint64_t n = 0;
    cr_assert_eq(setting_parse(&setting_table[which(name)], text, &n, &error), 0, "%s", error.text);
    return n;
}

static void refuse(const char *name, const char *text, const char *sentence)
{
    struct error error = {0};
    uint64_t n = 0;
    cr_assert_eq(setting_parse(&setting_table[which(name)], text, &n, &error), -EINVAL, "%s %s", name, text);
    cr_assert_eq(error.code, ERROR_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, sentence), "%s", error.text);
}

Test(settings, every_default_can_be_written_and_read_again)
{
    struct settings s;
    settings_init(&s);
    cr_assert_eq(settings_check(&s, NULL), 0);
    for (unsigned i = 0; i < setting_count; i++) {
        char text[SETTING_TEXT_MAX];
        const struct setting *x = &setting_table[i];
        cr_assert_eq(which(x->name), i);
        cr_assert_eq(settings_read(&s, i), x->standard);
        cr_assert_eq(s.sources[i], SETTING_DEFAULT);
        setting_format(x, x->standard, text);
        cr_assert_eq(parse(x->name, text), x->standard, "%s %s", x->name, text);
    }
    cr_assert_eq(s.slice_us, 500);
}

Test(settings, sizes_have_units_and_are_shown_with_the_largest)
{
    char text[SETTING_TEXT_MAX];
    cr_assert_eq(parse("memory", "8GiB"), (uint64_t)8 << 30);
    cr_assert_eq(parse("memory", "8 gib"), (uint64_t)8 << 30);
    cr_assert_eq(parse("memory", "1536M"), (uint64_t)1536 << 20);
    cr_assert_eq(parse("memory", "100000000"), 100000000);
    cr_assert_eq(parse("memory", "auto"), 0);
    setting_format(&setting_table[which("memory")], (uint64_t)1536 << 20, text);
    cr_assert_str_eq(text, "1536MiB");
    setting_format(&setting_table[which("memory")], (uint64_t)3 << 40, text);
    cr_assert_str_eq(text, "3TiB");
    refuse("memory", "8GB", "auto, or 64MiB to 64TiB");
    refuse("memory", "1", "64MiB");
    refuse("memory", "99999999999999999TiB", "64TiB");
    refuse("memory", "-8GiB", "64MiB");
}

Test(settings, a_wrong_value_is_answered_with_what_is_allowed)
{
    refuse("search.ef", "10001", "search.ef cannot be '10001'; it takes auto, or 1 to 10000");
    refuse("search.ef", "", "auto");
    refuse("search.ef", "12x", "auto");
    refuse("search.ef", "2MiB", "auto");
    refuse("slice_us", "0", "50 to 10000");
    refuse("search.fan_out", "2", "it takes auto, 1 or all");
    refuse("search.recall", "1.5", "search.recall cannot be '1.5'; it takes 0.5 to 1");
    refuse("search.recall", "0", "0.5 to 1");
    refuse("search.recall", "nan", "0.5 to 1");
    refuse("search.recall", "", "0.5 to 1");
    refuse("search.recall", "0.9.9", "0.5 to 1");
    cr_assert_eq(parse("search.recall", "1"), SETTING_FRACTION_ONE);
    cr_assert_eq(parse("search.recall", "0.995"), 995000);
    char text[SETTING_TEXT_MAX];
    setting_format(&setting_table[which("search.recall")], 995000, text);
    cr_assert_str_eq(text, "0.995");
    cr_assert_eq(parse("search.ef", "auto"), 0);
    refuse("search.ef", "0", "auto, or 1 to 10000");
    refuse("connections", "0", "auto, or 1 to 1000000");
    refuse("search.recall_sample", "0", "off, or 1 to 1000000000");
    cr_assert_eq(parse("search.fan_out", "all"), FAN_OUT_ALL);
    cr_assert_eq(parse("search.fan_out", "1"), FAN_OUT_ONE);
}

Test(settings, a_wrong_name_is_answered_with_the_nearest)
{
    struct error error = {0};
    unsigned i;
    cr_assert_eq(setting_find("serch.ef", &i, &error), -ENOENT);
    cr_assert(strstr(error.text, "'search.ef'"), "%s", error.text);
    cr_assert_eq(setting_find("backgroundshare", &i, &error), -ENOENT);
    cr_assert(strstr(error.text, "'background.share'"), "%s", error.text);
    cr_assert_eq(setting_find("a name that is far longer than any setting there is", &i, &error), -ENOENT);
}

Test(settings, shares_leave_something_for_searches)
{
    struct settings s;
    struct error error = {0};
    settings_init(&s);
    s.background_share = 60;
    s.write_share = 31;
    cr_assert_eq(settings_check(&s, &error), -EINVAL);
    cr_assert(strstr(error.text, "90 together"), "%s", error.text);
    s.write_share = 30;
    cr_assert_eq(settings_check(&s, &error), 0);
}

/* -- the file -- */

static void quiet(enum log_level level, const char *line, void *arg)
{
}

static struct buffer text_of(const struct settings *s)
{
    struct buffer text = {0};
    cr_assert_eq(settings_text_write(s, &text), 0);
    return text;
}

Test(settings, the_file_has_what_was_set_and_nothing_else)
{
    struct settings s, back;
    settings_init(&s);
    settings_init(&back);
    settings_write(&s, which("search.ef"), 200, SETTING_STORED);
    settings_write(&s, which("memory"), (uint64_t)8 << 30, SETTING_STORED);
    settings_write(&s, which("slice_us"), 100, SETTING_OPTION);
    struct buffer text = text_of(&s);
    cr_assert_eq(memcmp(text.bytes, "kith settings 1\nsearch.ef 200\nmemory 8GiB\ncrc32c ", 49), 0);
    cr_assert_eq(settings_text_read((char *)text.bytes, text.size, &back), 0);
    cr_assert(back.search_ef == 200 && back.memory == (uint64_t)8 << 30 && back.slice_us == 500);
    cr_assert(back.sources[which("memory")] == SETTING_STORED && back.sources[which("slice_us")] == SETTING_DEFAULT);
    buffer_fini(&text);
}

Test(settings, damage_anywhere_in_the_file_is_noticed)
{
    struct settings s;
    log_set_sink(quiet, NULL);
    settings_init(&s);
    settings_write(&s, which("search.ef"), 200, SETTING_STORED);
    struct buffer text = text_of(&s);
    for (size_t bit = 0; bit < text.size * 8; bit++) {
        struct settings back;
        settings_init(&back);
        text.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int rc = settings_text_read((char *)text.bytes, text.size, &back);
        text.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(rc == -EBADMSG || back.search_ef == 200, "bit %zu",
                  bit); /* a flipped bit may change the case of a digit of the checksum */
    }
    for (size_t size = 0; size < text.size; size++)
        cr_assert_eq(settings_text_read((char *)text.bytes, size, &s), -EBADMSG, "%zu bytes", size);
    buffer_fini(&text);
}

/* A text of a later version: the known settings are read. */
Test(settings, what_this_version_does_not_know_is_left_out)
{
    struct settings s;
    struct buffer text = {0}, whole = {0};
    log_set_sink(quiet, NULL);
    settings_init(&s);
    text = text_of(&s);
    size_t last = text.size - strlen("crc32c 01234567\n");
    cr_assert_eq(buffer_append(&whole, text.bytes, last), 0);
    cr_assert_eq(buffer_printf(&whole, "search.magic on\nsearch.ef 77\nslice_us 3\n"), 0);
    cr_assert_eq(settings_text_seal(&whole, 0), 0);
    cr_assert_eq(settings_text_read((char *)whole.bytes, whole.size, &s), 0);
    cr_assert(s.search_ef == 77 && s.slice_us == 500);
    buffer_fini(&text);
    buffer_fini(&whole);
}
