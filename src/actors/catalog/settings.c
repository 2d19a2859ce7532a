/* settings.c -- the table of all settings, and how a value is read and written by its kind. A
 * setting is one row, so its name, bounds, default and help are written once. */
#include "actors/catalog/settings.h"
#include "actors/admission/budget.h"
#include "base/text/edit_distance.h"
#include "query/query.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

#define SHARES_MAX 90 /* together; reactor_tune() demands it */

#define AT(field) offsetof(struct settings, field)

const struct setting setting_table[] = {
    {"search.ef", SETTING_NUMBER, AT(search_ef), 1, QUERY_EF_MAX, 0, "auto", NULL,
     "candidates that a search keeps when it does not say: more finds more and takes longer; auto goes by "
     "search.recall"},
    {"search.recall", SETTING_FRACTION, AT(search_recall), SETTING_FRACTION_ONE / 2, SETTING_FRACTION_ONE,
     SETTING_FRACTION_ONE / 100 * 98, NULL, NULL,
     "share of the nearest points that a search finds when it names neither recall nor ef; 1 compares with every "
     "point"},
    {"search.recall_sample", SETTING_NUMBER, AT(search_recall_sample), 1, 1000000000, 1000, "off", NULL,
     "one search in so many is repeated exactly when there is time, for the recall in the metrics"},
    {"search.fan_out", SETTING_CHOICE, AT(search_fan_out), FAN_OUT_AUTO, FAN_OUT_ALL, FAN_OUT_AUTO, NULL, fan_out_names,
     "cores that a search uses when it does not say: all is quickest when idle, 1 gets most done when busy"},
    {"background.share", SETTING_NUMBER, AT(background_share), 1, 80, 10, NULL, NULL,
     "per cent of a busy core's time that building graphs and merging get at least"},
    {"write.share", SETTING_NUMBER, AT(write_share), 1, 80, 25, NULL, NULL,
     "per cent of a busy core's time that writes get at least"},
    {"slice_us", SETTING_NUMBER, AT(slice_us), 50, 10000, 500, NULL, NULL,
     "microseconds that work runs before it lets other work run"},
    {"backlog_rows", SETTING_NUMBER, AT(backlog_rows), 1000, 100000000, 0, "auto", NULL,
     "rows without a graph, on a core, from which its writers are slowed"},
    {"admission.queue_ms", SETTING_NUMBER, AT(admission_queue_ms), 1, 600000, 2000, NULL, NULL,
     "milliseconds that a search waits for its turn, at most, before it is refused"},
    {"connections", SETTING_NUMBER, AT(connections), 1, 1000000, 0, "auto", NULL,
     "clients of the native protocol at once; auto is as many as open files are left for (ulimit -n)"},
    {"memory", SETTING_SIZE, AT(memory), BUDGET_BYTES_MIN, 64 * TIB, 0, "auto", NULL,
     "memory that the server keeps to; auto is 70 per cent of what the machine or the control group has"},
};
const unsigned setting_count = ARRAY_LEN(setting_table);
static_assert(ARRAY_LEN(setting_table) <= SETTINGS_MAX, "struct settings has room for their sources");

void settings_init(struct settings *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < setting_count; i++)
        settings_write(s, i, setting_table[i].standard, SETTING_DEFAULT);
}

const char *setting_source_name(enum setting_source source)
{
    static const char *const names[] = {
        [SETTING_DEFAULT] = "default", [SETTING_STORED] = "set", [SETTING_OPTION] = "option"};
    return names[source];
}

int settings_check(const struct settings *s, struct error *error)
{
    if (s->background_share + s->write_share <= SHARES_MAX)
        return 0;
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "background.share %" PRIu64 " and write.share %" PRIu64
                     " leave too little for searches: they may be %d together",
                     s->background_share, s->write_share, SHARES_MAX);
}

/* -- names -- */

/* longer names are not compared, because that takes time in proportion to their length */
#define NAME_MAX_BYTES 60

int setting_find(const char *name, unsigned *ret, struct error *error)
{
    unsigned nearest = 0, least = UINT32_MAX;
    if (strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
        return error_set(error, ERROR_NOT_FOUND,
                         "there is no setting '%.60s...'; no name has more than %d letters, and kith config lists all",
                         name, NAME_MAX_BYTES);
    for (unsigned i = 0; i < setting_count; i++) {
        unsigned d = edit_distance(name, setting_table[i].name);
        if (d == 0) {
            *ret = i;
            return 0;
        }
        if (d < least) {
            least = d;
            nearest = i;
        }
    }
    if (!edit_is_near(name, least))
        return error_set(error, ERROR_NOT_FOUND, "there is no setting '%.60s'; kith config lists all", name);
    return error_set(error, ERROR_NOT_FOUND, "there is no setting '%.60s'; did you mean '%s'? kith config lists all",
                     name, setting_table[nearest].name);
}

/* -- values -- */

static const struct unit {
    const char *name; /* as written; its first letter is the short form */
    uint64_t bytes;
} units[] = {{"TiB", TIB}, {"GiB", GIB}, {"MiB", MIB}, {"KiB", KIB}};

/* "GiB", "gib", "G" -> 2^30; "", "B" -> 1; unknown -> 0. */
static uint64_t unit_parse(const char *text)
{
    if (text[0] == 0 || strcasecmp(text, "B") == 0)
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcasecmp(text, units[i].name) == 0 || (strncasecmp(text, units[i].name, 1) == 0 && text[1] == 0))
            return units[i].bytes;
    return 0;
}

/* Reads "0.98": only digits and a point. */
static bool fraction_parse(const struct setting *x, const char *text, uint64_t *ret)
{
    char *end;
    if (text[0] == 0 || text[strspn(text, "0123456789.")] != 0)
        return false;
    const double value = strtod(text, &end) * SETTING_FRACTION_ONE;
    if (*end != 0 || !(value >= (double)x->least && value <= (double)x->most))
        return false;
    *ret = (uint64_t)(value + 0.5);
    return true;
}

static bool number_parse(const struct setting *x, const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0)
        return false;
    end += x->kind == SETTING_SIZE ? strspn(end, " ") : 0;
    uint64_t unit = x->kind == SETTING_SIZE ? unit_parse(end) : *end == 0;
    if (unit == 0 || n > UINT64_MAX / unit)
        return false;
    *ret = n * unit;
    return *ret >= x->least && *ret <= x->most;
}

static bool choice_parse(const struct setting *x, const char *text, uint64_t *ret)
{
    for (unsigned i = 0; x->choices[i]; i++)
        if (strcmp(text, x->choices[i]) == 0) {
            *ret = x->least + i;
            return true;
        }
    return false;
}

static void number_format(const struct setting *x, uint64_t value, char *text, size_t size)
{
    for (size_t i = 0; x->kind == SETTING_SIZE && i < ARRAY_LEN(units); i++)
        if (value && value % units[i].bytes == 0) {
            snprintf(text, size, "%" PRIu64 "%s", value / units[i].bytes, units[i].name);
            return;
        }
    if (x->kind == SETTING_FRACTION)
        snprintf(text, size, "%.6g", (double)value / SETTING_FRACTION_ONE);
    else
        snprintf(text, size, "%" PRIu64, value);
}

void setting_format(const struct setting *x, uint64_t value, char text[SETTING_TEXT_MAX])
{
    if (x->kind == SETTING_CHOICE)
        snprintf(text, SETTING_TEXT_MAX, "%s", x->choices[value - x->least]);
    else if (value == 0 && x->zero)
        snprintf(text, SETTING_TEXT_MAX, "%s", x->zero);
    else
        number_format(x, value, text, SETTING_TEXT_MAX);
}

void setting_allowed(const struct setting *x, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; x->kind == SETTING_CHOICE && x->choices[i] && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s",
                              i == 0              ? ""
                              : x->choices[i + 1] ? ", "
                                                  : " or ",
                              x->choices[i]);
    if (x->kind == SETTING_CHOICE)
        return;
    char least[SETTING_TEXT_MAX], most[SETTING_TEXT_MAX];
    number_format(x, x->least, least, sizeof(least));
    number_format(x, x->most, most, sizeof(most));
    snprintf(text, size, "%s%s%s to %s", x->zero ? x->zero : "", x->zero ? ", or " : "", least, most);
}

int setting_parse(const struct setting *x, const char *text, uint64_t *ret, struct error *error)
{
    char allowed[160];
    if (x->zero && strcmp(text, x->zero) == 0) {
        *ret = 0;
        return 0;
    }
    if (x->kind == SETTING_CHOICE     ? choice_parse(x, text, ret)
        : x->kind == SETTING_FRACTION ? fraction_parse(x, text, ret)
                                      : number_parse(x, text, ret))
        return 0;
    setting_allowed(x, allowed, sizeof(allowed));
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s cannot be '%.40s'; it takes %s", x->name, text, allowed);
}
