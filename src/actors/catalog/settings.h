/* settings.h -- numbers that can be tuned while the server runs: a table of names, bounds and
 * defaults, and the values that every reactor reads.
 *
 * A new setting is a field of struct settings and a row of the table in settings.c. The
 * protocol, the clients, the command line and the file all use that table. Every core has a copy
 * of the values (core->settings), changed by MSG_CONTROL_SETTINGS. The receiver of that message
 * (core_notice.c) hands the numbers to the reactor and to the store, which cannot see a core.
 * Here is no I/O and no message; those are in settings_keeper.h. */
#pragma once

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_MAX     16
#define SETTING_TEXT_MAX 40

/* Where a value comes from. At a start a later source wins. */
enum setting_source { SETTING_DEFAULT, SETTING_STORED, SETTING_OPTION };

struct settings {
    uint64_t search_ef; /* ef of a search that names neither ef nor recall; 0: by recall */
    /* recall of a search that names neither, while search_ef is 0; in units of 1 /
     * SETTING_FRACTION_ONE */
    uint64_t search_recall;
    uint64_t search_recall_sample; /* one search in so many is repeated exactly; 0: none */
    uint64_t search_fan_out;       /* enum fan_out: AUTO, ONE or ALL */
    uint64_t background_share;     /* percent of a busy core that background work gets at least */
    uint64_t write_share;          /* percent of a busy core that writes get at least */
    uint64_t slice_us;             /* microseconds that a fiber may run before it lets others run */
    /* unindexed rows of a core at which its writers are slowed; 0: chosen by the store */
    uint64_t backlog_rows;
    uint64_t connections; /* 0: as many as there are file descriptors for */
    /* milliseconds that a search may wait for its turn, if its deadline is not earlier */
    uint64_t admission_queue_ms;
    /* bytes that the server may use; 0: chosen by the machine's memory (budget_bytes()) */
    uint64_t memory;
    uint8_t sources[SETTINGS_MAX]; /* enum setting_source, by row of the table */
};

enum setting_kind { SETTING_NUMBER, SETTING_SIZE, SETTING_CHOICE, SETTING_FRACTION };
#define SETTING_FRACTION_ONE 1000000 /* the value of 1.0 in a SETTING_FRACTION */

struct setting {
    const char *name; /* "search.ef" */
    enum setting_kind kind;
    size_t at; /* offset in struct settings */
    uint64_t least, most, standard;
    /* the word for 0, which is then allowed besides least to most; NULL: 0 has none */
    const char *zero;
    /* of a SETTING_CHOICE: names, ended by NULL; the first has the value `least` */
    const char *const *choices;
    const char *what; /* what the setting does, in one line */
};

extern const struct setting setting_table[];
extern const unsigned setting_count;

/* Gives all settings their defaults. */
void settings_init(struct settings *s);

static inline uint64_t *settings_value(struct settings *s, unsigned which)
{
    return (uint64_t *)((char *)s + setting_table[which].at);
}
static inline uint64_t settings_read(const struct settings *s, unsigned which)
{
    return *(const uint64_t *)((const char *)s + setting_table[which].at);
}
static inline void settings_write(struct settings *s, unsigned which, uint64_t value, enum setting_source source)
{
    *settings_value(s, which) = value;
    s->sources[which] = (uint8_t)source;
}

/* Whether the values fit together. -EINVAL with the sentence. */
MUST_USE int settings_check(const struct settings *s, struct error *error);

/* Finds the row of a name. -ENOENT: unknown, with a sentence that has the nearest
 * name. error may be NULL. */
MUST_USE int setting_find(const char *name, unsigned *ret, struct error *error);
/* Reads a text like "200", "8GiB" or "auto". -EINVAL with a sentence that says what is allowed. */
MUST_USE int setting_parse(const struct setting *x, const char *text, uint64_t *ret, struct error *error);
/* Writes a value in the form that setting_parse() reads. */
void setting_format(const struct setting *x, uint64_t value, char text[SETTING_TEXT_MAX]);
/* Writes the allowed values for users: "auto, or 1 to 10000". */
void setting_allowed(const struct setting *x, char *text, size_t size);
const char *setting_source_name(enum setting_source source); /* "default", "set", "option" */
