/* command_snapshot.c -- snapshot create | list | verify | restore | delete. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_TEXT_MAX 80
#define LOOK_US       250000
#define SHOW_AFTER_S  1.0
#define LINES_EVERY_S 5.0

static void utc_text(time_t seconds, const char *format, char *text, size_t size)
{
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(text, size, format, &tm) == 0)
        text[0] = 0;
}

/* -- the list -- */

static json_t *snapshot_json(const struct kith_snapshot *s)
{
    if (s->damaged)
        return json_pack("{s:s, s:b}", "name", s->name, "damaged", 1);
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "name", s->name, "damaged", 0, "created_ns",
                     (json_int_t)s->created_ns, "collections", (json_int_t)s->collections, "segments",
                     (json_int_t)s->segments, "segment_rows", (json_int_t)s->segment_rows, "log_bytes",
                     (json_int_t)s->log_bytes, "bytes", (json_int_t)s->bytes);
}

static void snapshots_print(const struct kith_snapshot *list, size_t count)
{
    struct table t;
    char time_text[32];
    table_init(&t, "name|time (UTC)|>collections|>segments|>rows in segments|>log|>bytes", 7);
    for (size_t i = 0; i < count; i++) {
        const struct kith_snapshot *s = &list[i];
        utc_text((time_t)(s->created_ns / 1000000000), "%Y-%m-%d %H:%M:%S", time_text, sizeof(time_text));
        table_cell(&t, "%s", s->name);
        table_cell(&t, "%s", s->damaged ? "damaged" : time_text);
        table_cell(&t, "%s", s->damaged ? "" : number_text(s->collections));
        table_cell(&t, "%s", s->damaged ? "" : number_text(s->segments));
        table_cell(&t, "%s", s->damaged ? "" : number_text(s->segment_rows));
        table_cell(&t, "%s", s->damaged ? "" : bytes_text(s->log_bytes));
        table_cell(&t, "%s", s->damaged ? "" : bytes_text(s->bytes));
    }
    table_print(&t);
}

/* Prints the snapshot with the name `only`; NULL: all. */
static int list(struct cli *c, const char *only)
{
    const struct kith_snapshot *all;
    size_t count, first = 0;
    if (kith_snapshot_list(c->kith, &all, &count) < 0)
        return cli_fail_kith(c);
    while (only && first < count && strcmp(all[first].name, only) != 0)
        first++;
    if (only)
        count = first < count ? first + 1 : first;
    for (size_t i = first; c->json && i < count; i++)
        cli_print_json(snapshot_json(&all[i]));
    if (!c->json)
        snapshots_print(all + first, count - first);
    return 0;
}

/* -- long operations -- */

static int verify(struct cli *c, const char *name)
{
    struct kith_snapshot_check check = {.next = 0};
    struct progress p;
    double started = clock_seconds();
    progress_begin(&p, "files", 0);
    while (!check.finished) {
        if (kith_snapshot_verify(c->kith, name, &check) < 0)
            return cli_fail_kith(c);
        p.total = check.files_total;
        progress_show(&p, check.files_done, 0);
    }
    progress_end(&p, check.files_done);
    double seconds = clock_seconds() - started;
    if (c->json)
        cli_print_json(json_pack("{s:s, s:I, s:I, s:f}", "verified", name, "files", (json_int_t)check.files_done,
                                 "bytes", (json_int_t)check.bytes, "seconds", seconds));
    else
        printf("%s is whole: %s file%s and logs, %s in %.1f s\n", name, number_text(check.files_done),
               plural(check.files_done), bytes_text(check.bytes), seconds);
    return 0;
}

/* Waits for the answer to request id. After a second it reports that it waits. */
static int wait_for(struct cli *c, int64_t id, const char *doing)
{
    bool tty = isatty(STDERR_FILENO);
    double started = clock_seconds(), shown = 0;
    struct kith_reply reply = {.code = 0};
    int rc = id < 0 ? (int)id : 0;
    while (rc == 0) {
        rc = kith_next(c->kith, LOOK_US, &reply);
        double now = clock_seconds();
        if (rc != 0 || now - started < SHOW_AFTER_S || (!tty && now - shown < LINES_EVERY_S))
            continue;
        fprintf(stderr, "%s%s, %.0f s%s", tty ? "\r" : "", doing, now - started, tty ? "\x1b[K" : "\n");
        shown = now;
    }
    if (tty && shown > 0)
        fputs("\r\x1b[K", stderr);
    return rc < 0 || reply.code < 0 ? cli_fail_kith(c) : 0;
}

/* Finds the name that the server chose. */
static int find_newest(struct cli *c, char *name, size_t size)
{
    const struct kith_snapshot *all;
    size_t count, newest = 0;
    if (kith_snapshot_list(c->kith, &all, &count) < 0)
        return cli_fail_kith(c);
    for (size_t i = 1; i < count; i++)
        newest = all[i].created_ns > all[newest].created_ns ? i : newest;
    snprintf(name, size, "%s", count ? all[newest].name : "");
    return 0;
}

static int create(struct cli *c, const char *name)
{
    char newest[NAME_TEXT_MAX];
    int status = wait_for(c, kith_start_snapshot_create(c->kith, name ? name : ""), "taking the snapshot");
    if (status == 0 && !name) {
        status = find_newest(c, newest, sizeof(newest));
        name = newest;
    }
    return status ? status : list(c, name);
}

static int restore(struct cli *c, const char *name)
{
    double started = clock_seconds();
    int status = wait_for(c, kith_start_snapshot_restore(c->kith, name), "checking and restoring the snapshot");
    if (status)
        return status;
    double seconds = clock_seconds() - started;
    if (c->json)
        cli_print_json(json_pack("{s:s, s:f}", "restored", name, "seconds", seconds));
    else
        printf("restored %s in %.1f s\n", name, seconds);
    return 0;
}

static int delete (struct cli *c, const char *name)
{
    if (kith_snapshot_delete(c->kith, name) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:s}", "deleted", name));
    else
        printf("deleted %s\n", name);
    return 0;
}

static const struct action {
    const char *name;
    int (*run)(struct cli *c, const char *name);
    bool needs_name, takes_name;
} actions[] = {
    {"create", create, false, true},  {"list", list, false, false},   {"verify", verify, true, true},
    {"restore", restore, true, true}, {"delete", delete, true, true},
};

int command_snapshot(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct options o = {
        "snapshot",
        "create [NAME] | list | verify NAME | restore NAME | delete NAME",
        "Takes and restores snapshots of all data, which are kept in the data folder.\n\n"
        "  create   takes a snapshot while searches and writes go on; without NAME its name is the time in UTC\n"
        "  verify   reads the snapshot and checks its checksums\n"
        "  restore  checks the snapshot and replaces all data by it, without asking; later writes are lost\n"
        "  delete   removes the snapshot\n\n"
        "A snapshot shares files with the server. It takes space only for files that the server has removed since.",
        NULL,
        0,
        1,
        2};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const struct action *a = &actions[i];
        if (strcmp(words[0], a->name) != 0)
            continue;
        if ((n == 1 && a->needs_name) || (n == 2 && !a->takes_name)) {
            fprintf(stderr, "kith snapshot %s %s; see kith snapshot --help\n", a->name,
                    n == 1 ? "needs the name of a snapshot" : "takes no name");
            return EXIT_USAGE;
        }
        return cli_connect(c) ? 1 : a->run(c, n == 2 ? words[1] : NULL);
    }
    sentence_print("kith snapshot: there is no '%s'%s; see kith snapshot --help", words[0],
                   meant_text(name_meant(words[0], actions, sizeof(*actions), ARRAY_LEN(actions))));
    return EXIT_USAGE;
}
