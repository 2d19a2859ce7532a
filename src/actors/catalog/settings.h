/* settings.h -- what can be tuned while the server runs: a table of names, bounds and defaults,
 * and the numbers that every reactor reads.
 *
 * A new setting is a field of struct settings and a row of the table in settings.c; protocol,
 * clients, command line and file take it from there. Every core has a copy (core->settings),
 * changed by MSG_CONTROL_SETTINGS. Its receiver (core_notice.c) hands the numbers to the reactor
 * and the store, which cannot see a core. Pure: no I/O, no messages (those are in
 * settings_keeper.h). */
#pragma once

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_MAX     16
#define SETTING_TEXT_MAX 40

/* Where a value comes from: the later wins at a start. */
enum setting_source { SETTING_DEFAULT, SETTING_STORED, SETTING_OPTION };

struct settings {
    uint64_t search_ef; /* of a search that names none; 0: chosen by k and the index */
    /* of a search that names neither, unless search_ef is set; in SETTING_FRACTION_ONE */
    uint64_t search_recall;
    uint64_t search_recall_sample; /* one search in so many is repeated exactly; 0: none */
    uint64_t search_fan_out;       /* enum fan_out: AUTO, ONE or ALL */
    uint64_t background_share;     /* per cent of a busy core that background work gets at least */
    uint64_t write_share;          /* likewise of writes */
    uint64_t slice_us;             /* how long a fiber may run before it lets others run */
    /* rows without a graph, a core, before writers are slowed; 0: chosen */
    uint64_t backlog_rows;
    uint64_t connections; /* 0: as many as there are descriptors for */
    /* how long a search may wait for its turn, if its deadline does not come before */
    uint64_t admission_queue_ms;
    /* bytes that the server keeps to; 0: chosen by what there is (budget_bytes()) */
    uint64_t memory;
    uint8_t sources[SETTINGS_MAX]; /* enum setting_source, by row of the table */
};

enum setting_kind { SETTING_NUMBER, SETTING_SIZE, SETTING_CHOICE, SETTING_FRACTION };
#define SETTING_FRACTION_ONE 1000000 /* what 1 is, of a SETTING_FRACTION */

struct setting {
    const char *name; /* "search.ef" */
    enum setting_kind kind;
    size_t at; /* in struct settings */
    uint64_t least, most, standard;
    /* the word for 0, which is then allowed besides least to most; NULL: there is none */
    const char *zero;
    const char *const *choices; /* of a choice, ended by NULL; they are numbered from `least` on */
    const char *what;           /* it does; one line */
};

extern const struct setting setting_table[];
extern const unsigned setting_count;

/* All as they are by default. */
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

/* Whether they can be together; -EINVAL with the sentence. */
MUST_USE int settings_check(const struct settings *s, struct error *error);

/* 0 with the row of the table, or -ENOENT with a sentence that has the nearest name. error may be
 * NULL. */
MUST_USE int setting_find(const char *name, unsigned *ret, struct error *error);
/* "200", "8GiB", "auto": 0, or -EINVAL with a sentence that says what is allowed. */
MUST_USE int setting_parse(const struct setting *x, const char *text, uint64_t *ret, struct error *error);
/* As setting_parse() takes it. */
void setting_format(const struct setting *x, uint64_t value, char text[SETTING_TEXT_MAX]);
/* "auto, or 1 to 10000", for people. */
void setting_allowed(const struct setting *x, char *text, size_t size);
const char *setting_source_name(enum setting_source source); /* "default", "set", "option" */
