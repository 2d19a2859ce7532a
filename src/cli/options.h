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
    const char *name; /* "batch" is --batch; a single letter is -k, and also --k */
    enum option_kind kind;
    /* bool *, const char **, struct option_texts *, uint64_t * or double *; keeps its default
     * when the option is not given */
    void *value;
    const char *argument; /* "N" in the help */
    const char *help;
    uint64_t min, max; /* for a number; max 0: no upper bound */
};

struct options {
    const char *command;   /* "import" */
    const char *arguments; /* "COLLECTION FILE" */
    const char *summary;   /* its first line is also the line in `kith --help` */
    const struct option *list;
    size_t count;
    /* number of positional arguments; words_max above OPTIONS_WORDS_MAX - 1: any number */
    size_t words_min, words_max;
};

#define OPTIONS_WORDS_MAX 200
#define EXIT_USAGE        2

/* In a table whose entries begin with a name: the name that `word` probably means; NULL: none is
 * similar. */
const char *name_meant(const char *word, const void *table, size_t entry_bytes, size_t count);
/* " (did you mean 'list'?)", or "" for NULL; valid until the next call. */
const char *meant_text(const char *name);

/* Fills the values, ret_words (OPTIONS_WORDS_MAX pointers into argv, or argc if words_max is
 * larger) and *ret_count. Returns -1 to go on, otherwise the exit status: 0 after --help,
 * EXIT_USAGE after printing an error. */
int options_parse(const struct options *o, int argc, char **argv, const char **ret_words, size_t *ret_count);
