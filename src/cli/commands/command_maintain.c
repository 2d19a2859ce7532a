/* command_maintain.c -- seal and compact: start background work of the server now and wait for
 * it. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <unistd.h>

#define LOOK_US       250000
#define SHOW_AFTER_S  1.0
#define LINES_EVERY_S 5.0

/* The figures of a collection that this work changes. */
struct shape {
    uint64_t segments, growing_rows, deleted_rows, disk_bytes;
};

static int shape_read(struct kith *k, const char *name, struct shape *ret)
{
    struct kith_info info;
    const struct kith_segment *list;
    size_t count;
    int rc = kith_segments_read(k, name, &info, &list, &count);
    if (rc < 0)
        return rc;
    *ret = (struct shape){.disk_bytes = info.disk_bytes};
    for (size_t i = 0; i < count; i++) {
        ret->segments += list[i].state == KITH_SEALED;
        ret->growing_rows += list[i].state == KITH_SEALED ? 0 : list[i].rows;
        ret->deleted_rows += list[i].deleted_rows;
    }
    return 0;
}

struct watch {
    const char *name;
    struct kith *kith; /* a connection of its own, because the other one waits for the answer */
    double started, shown;
    bool tty;
};

static void watch_show(struct watch *w)
{
    double now = clock_seconds();
    struct shape s;
    if (now - w->started < SHOW_AFTER_S || (!w->tty && now - w->shown < LINES_EVERY_S) ||
        shape_read(w->kith, w->name, &s) < 0)
        return;
    fprintf(stderr, "%s%s: %s sealed segment%s, %s row%s in growing ones, %s deleted row%s, %.0f s%s",
            w->tty ? "\r" : "", w->name, number_text(s.segments), plural(s.segments), number_text(s.growing_rows),
            plural(s.growing_rows), number_text(s.deleted_rows), plural(s.deleted_rows), now - w->started,
            w->tty ? "\x1b[K" : "\n");
    w->shown = now;
}

static void watch_end(struct watch *w)
{
    if (w->tty && w->shown > 0)
        fputs("\r\x1b[K", stderr);
    kith_close(w->kith);
}

/* Starts the work and shows its progress until it is done. */
static int ask_and_wait(struct cli *c, const char *name, int64_t (*start)(struct kith *k, const char *name))
{
    char error[ERROR_TEXT_MAX];
    struct watch w = {.name = name, .started = clock_seconds(), .tty = isatty(STDERR_FILENO)};
    if (kith_open(c->server, &w.kith, error, sizeof(error)) < 0)
        return cli_fail("%s", error);
    struct kith_reply reply;
    int64_t id = start(c->kith, name);
    int rc = id < 0 ? (int)id : 0;
    while (rc == 0) {
        rc = kith_next(c->kith, LOOK_US, &reply);
        if (rc == 0)
            watch_show(&w);
    }
    watch_end(&w);
    return rc < 0 || reply.code < 0 ? cli_fail_kith(c) : 0;
}

static int maintain(struct cli *c, int argc, char **argv, const struct options *o, const char *done,
                    int64_t (*start)(struct kith *k, const char *name))
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    int status = options_parse(o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    struct shape before, after;
    double started = clock_seconds();
    if (shape_read(c->kith, words[0], &before) < 0)
        return cli_fail_kith(c);
    if (ask_and_wait(c, words[0], start))
        return 1;
    if (shape_read(c->kith, words[0], &after) < 0)
        return cli_fail_kith(c);
    double seconds = clock_seconds() - started;
    if (c->json)
        cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", done, words[0], "segments_before",
                                 (json_int_t)before.segments, "segments", (json_int_t)after.segments,
                                 "deleted_rows_before", (json_int_t)before.deleted_rows, "deleted_rows",
                                 (json_int_t)after.deleted_rows, "disk_bytes_before", (json_int_t)before.disk_bytes,
                                 "disk_bytes", (json_int_t)after.disk_bytes, "seconds", seconds));
    else
        printf("%s %s in %.1f s: sealed segments %s -> %s, deleted rows %s -> %s, disk %s -> %s\n", done, words[0],
               seconds, number_text(before.segments), number_text(after.segments), number_text(before.deleted_rows),
               number_text(after.deleted_rows), bytes_text(before.disk_bytes), bytes_text(after.disk_bytes));
    return 0;
}

int command_seal(struct cli *c, int argc, char **argv)
{
    const struct options o = {"seal",
                              "NAME",
                              "Seals the growing segments of a collection, and waits until that is done.\n\n"
                              "The server seals by itself when segments are full, old, or no longer written.",
                              NULL,
                              0,
                              1,
                              1};
    return maintain(c, argc, argv, &o, "sealed", kith_start_seal);
}

int command_compact(struct cli *c, int argc, char **argv)
{
    const struct options o = {"compact",
                              "NAME",
                              "Rewrites the segments of a collection without their deleted rows, merges small ones "
                              "into larger ones, and waits\n"
                              "until that is done.\n\n"
                              "The server does this by itself when many rows of a segment are deleted.",
                              NULL,
                              0,
                              1,
                              1};
    return maintain(c, argc, argv, &o, "compacted", kith_start_compact);
}
