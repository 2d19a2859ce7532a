/* options.c -- parses, checks and documents options with the same rows of a table. */
#include "cli/options.h"

#include "base/check.h"
#include "base/text/edit_distance.h"
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *name_meant(const char *word, const void *table, size_t entry_bytes, size_t count)
{
    const char *nearest = NULL;
    unsigned least = UINT32_MAX;
    if (strnlen(word, EDIT_NAME_MAX + 1) > EDIT_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)((const char *)table + i * entry_bytes);
        const unsigned d = edit_distance(word, name);
        if (d < least) {
            least = d;
            nearest = name;
        }
    }
    return edit_is_near(word, least) ? nearest : NULL;
}

const char *meant_text(const char *name)
{
    static char text[EDIT_NAME_MAX + 32];
    snprintf(text, sizeof(text), name ? " (did you mean '%s'?)" : "", name);
    return text;
}

/* Reports an unknown option, with the option that it may mean. */
static int option_unknown(const struct options *o, const char *argument)
{
    const char *word = argument + strspn(argument, "-");
    char name[EDIT_NAME_MAX + 1];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    const char *meant = name_meant(name, o->list, sizeof(*o->list), o->count);
    char option[EDIT_NAME_MAX + 3];
    if (meant)
        snprintf(option, sizeof(option), "%s%s", meant[1] ? "--" : "-", meant);
    sentence_print("kith %s: no such option: '%s'%s; see kith %s --help", o->command, argument,
                   meant_text(meant ? option : NULL), o->command);
    return EXIT_USAGE;
}

static void help_print(const struct options *o)
{
    printf("usage: kith %s%s%s [options]\n\n%s\n\noptions:\n", o->command, o->arguments[0] ? " " : "", o->arguments,
           o->summary);
    for (size_t i = 0; i < o->count; i++) {
        const struct option *x = &o->list[i];
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s%s", x->name[1] ? "--" : "-", x->name, x->argument ? " " : "",
                 x->argument ? x->argument : "");
        printf("  %-24s %s\n", left, x->help);
    }
    printf("  %-24s %s\n", "--server HOST:PORT", "the server (else KITH_SERVER, else 127.0.0.1:7700)");
    printf("  %-24s %s\n", "--json", "one JSON object on each line instead of tables");
}

static int usage_error(const struct options *o, const char *what, const char *which)
{
    sentence_print("kith %s: %s%s%s%s; see kith %s --help", o->command, what, which ? " '" : "", which ? which : "",
                   which ? "'" : "", o->command);
    return EXIT_USAGE;
}

static int number_read(const struct options *o, const struct option *x, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || n < x->min || (x->max != 0 && n > x->max)) {
        char what[128];
        if (x->max != 0)
            snprintf(what, sizeof(what), "%s%s takes a number from %llu to %llu, not", x->name[1] ? "--" : "-", x->name,
                     (unsigned long long)x->min, (unsigned long long)x->max);
        else
            snprintf(what, sizeof(what), "%s%s takes a number of %llu or more, not", x->name[1] ? "--" : "-", x->name,
                     (unsigned long long)x->min);
        return usage_error(o, what, text);
    }
    *(uint64_t *)x->value = n;
    return -1;
}

static int real_read(const struct options *o, const struct option *x, const char *text)
{
    char *end, what[128];
    double n = strtod(text, &end);
    if (end != text && *end == 0 && n >= (double)x->min && (x->max == 0 || n <= (double)x->max)) {
        *(double *)x->value = n;
        return -1;
    }
    snprintf(what, sizeof(what), "--%s takes a number from %llu to %llu, not", x->name, (unsigned long long)x->min,
             (unsigned long long)x->max);
    return usage_error(o, what, text);
}

static int texts_add(const struct options *o, const struct option *x, const char *text)
{
    struct option_texts *t = x->value;
    if (t->count == OPTION_TEXTS_MAX)
        return usage_error(o, "too many times:", x->name);
    t->texts[t->count++] = text;
    return -1;
}

/* Reads the value of an option that takes one. */
static int value_read(const struct options *o, const struct option *x, const char *text)
{
    switch (x->kind) {
    case OPTION_NUMBER: return number_read(o, x, text);
    case OPTION_REAL: return real_read(o, x, text);
    case OPTION_TEXTS: return texts_add(o, x, text);
    default: *(const char **)x->value = text; return -1;
    }
}

/* The option that argument names, and the value behind its '=', if any. */
static const struct option *find(const struct options *o, const char *argument, const char **ret_value)
{
    bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    size_t n = strcspn(name, "=");
    *ret_value = name[n] == '=' ? name + n + 1 : NULL;
    for (size_t i = 0; i < o->count; i++) {
        const struct option *x = &o->list[i];
        if (strlen(x->name) == n && strncmp(x->name, name, n) == 0 && (is_long || x->name[1] == 0))
            return x;
    }
    return NULL;
}

int options_parse(const struct options *o, int argc, char **argv, const char **ret_words, size_t *ret_count)
{
    size_t words = 0;
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i], *value;
        if (only_words || a[0] != '-' || a[1] == 0) {
            if (words == OPTIONS_WORDS_MAX && o->words_max < OPTIONS_WORDS_MAX)
                return usage_error(o, "too many arguments", NULL);
            ret_words[words++] = a;
            continue;
        }
        if (strcmp(a, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            help_print(o);
            return 0;
        }
        const struct option *x = find(o, a, &value);
        if (!x)
            return option_unknown(o, a);
        if (x->kind == OPTION_FLAG) {
            if (value)
                return usage_error(o, "takes no value:", a);
            *(bool *)x->value = true;
            continue;
        }
        if (!value && i + 1 == argc)
            return usage_error(o, "a value is missing behind", a);
        if (!value)
            value = argv[++i];
        if (value_read(o, x, value) >= 0)
            return EXIT_USAGE;
    }
    if (words < o->words_min || words > o->words_max) {
        fprintf(stderr, "usage: kith %s%s%s [options]; see kith %s --help\n", o->command, o->arguments[0] ? " " : "",
                o->arguments, o->command);
        return EXIT_USAGE;
    }
    *ret_count = words;
    return -1;
}
