/* options.h -- the options of one subcommand, from a table that also prints its help. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_TEXTS, OPTION_NUMBER, OPTION_REAL };

#define OPTION_TEXTS_MAX 100

/* The values of an option that may be repeated. */
struct option_texts {
    const char *texts[OPTION_TEXTS_MAX];
    size_t count;
};

struct option {
    const char *name; /* "batch" is --batch; a single letter is -k, and --k */
    enum option_kind kind;
    void *
        /* bool *, const char **, struct option_texts *, uint64_t * or double *: keeps its default
         * when the option is not given */
        value;
    const char *argument; /* "N" in the help */
    const char *help;
    uint64_t min, max; /* of a number; max 0: no bound */
};

struct options {
    const char *command;   /* "import" */
    const char *arguments; /* "COLLECTION FILE" */
    const char *summary;   /* what it does; the first line is also its line in `kith --help` */
    const struct option *list;
    size_t count;
    size_t words_min,
        /* arguments that are no options; more than OPTIONS_WORDS_MAX - 1: there is room for all */
        words_max;
};

#define OPTIONS_WORDS_MAX 200
#define EXIT_USAGE        2

/* Of a table whose entries begin with a name, the name that `word` probably
 * means; NULL: none is near. */
const char *name_meant(const char *word, const void *table, size_t entry_bytes, size_t count);
/* " (did you mean 'list'?)", or "" for NULL; lives until the next call. */
const char *meant_text(const char *name);

/* Fills the values and ret_words (OPTIONS_WORDS_MAX pointers into argv, or argc where words_max is
 * larger), *ret_count. Returns -1 to go on, otherwise the exit status: 0 after --help, EXIT_USAGE
 * after a sentence on stderr. */
int options_parse(const struct options *o, int argc, char **argv, const char **ret_words, size_t *ret_count);
