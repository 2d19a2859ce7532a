/* demo.h -- declarations that the parts of the demonstration share. */
#pragma once

#include "cli/command.h"
#include "cli/import/word_vector.h"

#define DEMO_COLLECTION "words"
#define DEMO_WORD_BYTES 256

struct words {
    char *text; /* the whole file, with zeros instead of line breaks */
    char **list;
    size_t count;
    size_t next; /* next word to import */
};

int words_read(const char *path, struct words *ret); /* 1 after printing an error */
void words_free(struct words *w);

/* demo_load.c: fills the collection with the words and waits until its graph is complete. 1 after
 * printing an error. */
int demo_load(struct cli *c, struct words *w);

/* demo_show.c: demo_show() prints a table of the nearest words to each of these; demo_prompt() does
 * so for each line of input. */
int demo_show(struct cli *c, const char *const *misspelt, size_t count);
int demo_prompt(struct cli *c);

/* demo_measure.c: measures recall and times of 1 000 misspelt words and prints the last line. 1
 * when recall is below 0.95. */
int demo_measure(struct cli *c, const struct words *w);
