/* demo.c -- demo: finds the nearest words to misspelt ones. It uses libkith like any other
 * client. */
#include "cli/demo/demo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const misspelt[] = {"recieve", "definately", "seperate", "occurence", "acommodate", "neccesary",
                                       "wierd",   "tommorow",   "embarass", "rythm",     "goverment",  "calender"};

static int text_read(const char *path, char **ret)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return cli_fail("cannot open the word list %s: %m", path);
    size_t size = 0, capacity = 1 << 20;
    char *text = malloc(capacity + 1);
    while (text) {
        size += fread(text + size, 1, capacity - size, f);
        if (size < capacity)
            break;
        char *larger = realloc(text, capacity * 2 + 1);
        if (!larger)
            free(text);
        text = larger;
        capacity *= 2;
    }
    bool bad = ferror(f) != 0;
    fclose(f);
    if (!text || bad) {
        free(text);
        return cli_fail("cannot read the word list %s", path);
    }
    text[size] = 0;
    *ret = text;
    return 0;
}

int words_read(const char *path, struct words *ret)
{
    *ret = (struct words){0};
    if (text_read(path, &ret->text))
        return 1;
    size_t lines = 1;
    for (const char *at = ret->text; (at = strchr(at, '\n')); at++)
        lines++;
    ret->list = malloc(lines * sizeof(*ret->list));
    char *rest = ret->text, *line;
    while (ret->list && (line = strsep(&rest, "\n"))) {
        line[strcspn(line, "\r")] = 0;
        if (line[0] && strlen(line) < DEMO_WORD_BYTES)
            ret->list[ret->count++] = line;
    }
    if (ret->count < 2) {
        words_free(ret);
        return cli_fail("%s is not a list of words: give a file with one word on each line", path);
    }
    return 0;
}

void words_free(struct words *w)
{
    free(w->list);
    free(w->text);
    *w = (struct words){0};
}

int command_demo(struct cli *c, int argc, char **argv)
{
    const char *path =
        access("/usr/share/dict/words", R_OK) == 0 ? "/usr/share/dict/words" : "/usr/share/dict/american-english";
    const char *arguments[OPTIONS_WORDS_MAX];
    bool once = false;
    size_t n;
    const struct option list[] = {
        {"words", OPTION_TEXT, &path, "FILE", "a text file with one word on each line (default /usr/share/dict/words)",
         0, 0},
        {"once", OPTION_FLAG, &once, NULL, "ends after the measurement instead of asking for words", 0, 0},
    };
    const struct options o = {
        "demo",
        "",
        "Finds the nearest words to misspelt ones.\n\n"
        "Fills the collection \"" DEMO_COLLECTION
        "\" with a list of words, unless it already holds as many; shows a few answers;\n"
        "measures 1 000 misspelt words, and fails when recall@10 is below 0.95. Then it takes words from you.",
        list,
        ARRAY_LEN(list),
        0,
        0};
    int status = options_parse(&o, argc, argv, arguments, &n);
    if (status >= 0)
        return status;
    struct words w;
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that lines reach a pipe at once */
    if (words_read(path, &w))
        return 1;
    status = cli_connect(c) || demo_load(c, &w) || demo_show(c, misspelt, ARRAY_LEN(misspelt));
    if (status == 0)
        status = demo_measure(c, &w);
    if (status == 0 && !once)
        status = demo_prompt(c);
    words_free(&w);
    return status;
}
