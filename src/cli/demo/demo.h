/* demo.h -- the demonstration with words: what its parts share. */
#pragma once

#include "cli/command.h"
#include "cli/import/word_vector.h"

#define DEMO_COLLECTION "words"
#define DEMO_WORD_BYTES 256

struct words {
    char *text; /* the whole file; line breaks became zeros */
    char **list;
    size_t count;
    size_t next; /* while importing */
};

int words_read(const char *path, struct words *ret); /* 1 after a sentence */
void words_free(struct words *w);

/* demo_load.c: after it the collection holds the words and its graph is built. 1 after a
 * sentence. */
int demo_load(struct cli *c, struct words *w);

/* demo_show.c: a table of the nearest words to each of these; then from the prompt
 * until the end of input. */
int demo_show(struct cli *c, const char *const *misspelt, size_t count);
int demo_prompt(struct cli *c);

/* demo_measure.c: recall and times of 1 000 misspelt words; prints the last line. 1 when
 * recall is below 0.95. */
int demo_measure(struct cli *c, const struct words *w);
