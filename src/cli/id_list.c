/* id_list.c -- reads ids from arguments and files. An error in a file names the line. */
#include "cli/id_list.h"

#include "cli/command.h"
#include "cli/import/byte_stream.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 4096

void id_list_fini(struct id_list *l)
{
    free(l->ids);
    *l = (struct id_list){0};
}

static int add(struct id_list *l, struct kith_id id)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        struct kith_id *ids = realloc(l->ids, capacity * sizeof(*ids));
        if (!ids)
            return cli_fail("no memory for %zu ids", capacity);
        l->ids = ids;
        l->capacity = capacity;
    }
    l->ids[l->count++] = id;
    return 0;
}

int id_list_add_words(struct id_list *l, const char *command, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct kith_id id;
        if (kith_id_parse(words[i], &id) < 0) {
            sentence_print("kith %s: '%s' is not an id: an id is a number from 0 to 2^64 - 1 or a UUID", command,
                           words[i]);
            return EXIT_USAGE;
        }
        if (add(l, id))
            return 1;
    }
    return 0;
}

/* The line without white space at its ends and without a byte order mark. */
static char *trimmed(struct buffer *line)
{
    char *text = (char *)line->bytes;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r", text[n - 1]))
        n--;
    text[n] = 0;
    return text;
}

int id_list_add_file(struct id_list *l, const char *path)
{
    struct error e;
    struct byte_stream *s;
    struct buffer line = {0};
    if (byte_stream_open(path, &s, &e) < 0)
        return cli_fail("%s", e.text);
    byte_stream_go_on(s);
    int rc = 0, status = 0;
    for (uint64_t number = 1; status == 0 && (rc = byte_stream_line(s, &line, LINE_BYTES_MAX, &e)) > 0; number++) {
        const char *text = trimmed(&line);
        struct kith_id id;
        if (!*text)
            continue;
        if (kith_id_parse(text, &id) < 0)
            status = cli_fail("line %llu of %s: '%s' is not an id: an id is a number from 0 to 2^64 - 1 or a UUID",
                              (unsigned long long)number, path, text);
        else
            status = add(l, id);
    }
    if (rc < 0)
        status = cli_fail("%s", e.text);
    buffer_fini(&line);
    byte_stream_close(s);
    return status;
}
