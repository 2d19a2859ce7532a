/* demo_show.c -- the table and the prompt of the demo: misspelt words with their nearest words. */
#include "base/text/json_scan.h"
#include "base/text/utf8.h"
#include "cli/demo/demo.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define SHOW_NEAREST 3
#define WORD_COLUMNS 12 /* a longer word is cut, so that a row with 3 hits has 79 columns at most */

/* The first characters of a word, with a mark if it is cut. Valid until the next call. */
static const char *word_text(const char *word)
{
    static char text[WORD_COLUMNS * 4 + 2];
    size_t at = 0, size = strlen(word), cut = 0;
    for (int columns = 0; at < size && columns < WORD_COLUMNS; columns++) {
        size_t n = utf8_character(word + at, size - at);
        cut = columns < WORD_COLUMNS - 1 ? at + (n ? n : 1) : cut;
        at += n ? n : 1;
    }
    if (at == size)
        return word;
    snprintf(text, sizeof(text), "%.*s~", (int)cut, word);
    return text;
}

static void hit_cell(struct table *t, const struct kith_result *r, size_t i)
{
    json_t *payload = json_loads(r->payloads[i], 0, NULL);
    const char *word = json_string_value(json_object_get(payload, "word"));
    table_cell(t, "%s %.2f", word_text(word ? word : r->payloads[i]), (double)r->scores[i]);
    json_decref(payload);
}

/* Prints one row of the table: the word, its nearest words, the round trip. */
static int word_row(struct cli *c, struct table *t, const char *word)
{
    float vector[WORD_DIM];
    struct kith_result r;
    word_vector(word, vector);
    const struct kith_search s = {.collection = DEMO_COLLECTION,
                                  .queries = vector,
                                  .count = 1,
                                  .dim = WORD_DIM,
                                  .k = SHOW_NEAREST,
                                  .with_payloads = true};
    double from = clock_seconds();
    if (kith_search(c->kith, &s, &r) < 0)
        return cli_fail_kith(c);
    double us = (clock_seconds() - from) * 1e6;
    table_cell(t, "%s", word_text(word));
    for (size_t i = 0; i < SHOW_NEAREST; i++) {
        if (i < r.count)
            hit_cell(t, &r, i);
        else
            table_cell(t, "%s", "");
    }
    table_cell(t, "%.0f us", us);
    return 0;
}

int demo_show(struct cli *c, const char *const *misspelt, size_t count)
{
    struct table t;
    table_init(&t, "you write|nearest|2nd|3rd|>time", 2 + SHOW_NEAREST);
    putchar('\n');
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = word_row(c, &t, misspelt[i]);
    table_print(&t);
    putchar('\n');
    return status;
}

int demo_prompt(struct cli *c)
{
    char line[DEMO_WORD_BYTES];
    for (;;) {
        fputs("word> ", stdout);
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin)) {
            putchar('\n');
            return 0;
        }
        line[strcspn(line, "\r\n")] = 0;
        if (!line[0])
            continue;
        struct table t;
        table_init(&t, NULL, 2 + SHOW_NEAREST);
        t.right[1 + SHOW_NEAREST] = true;
        int status = word_row(c, &t, line);
        table_print(&t);
        if (status)
            return status;
    }
}
