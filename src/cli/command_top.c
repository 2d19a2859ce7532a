/* top: what the cores of a server do, live. */
#include "cli/top.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void pause_between(uint64_t ms)
{
    for (uint64_t slept = 0; slept < ms && !stop; slept += 50)
        usleep((useconds_t)(ms - slept < 50 ? ms - slept : 50) * 1000);
}

/* A table, or a line of JSON, for every reading but the first, which has no rates. */
static int print_readings(struct cli *c, struct top *t, uint64_t interval_ms, uint64_t count)
{
    signal(SIGINT, on_signal);
    for (uint64_t i = 0; !stop && (count == 0 || i <= count); i++) {
        if (i > 0)
            pause_between(interval_ms);
        if (top_read(t, c->kith) < 0)
            return cli_fail_kith(c);
        if (t->seconds == 0)
            continue;
        if (c->json)
            cli_print_json(top_json(t));
        else
            top_print(t, kith_server(c->kith));
    }
    return 0;
}

int command_top(struct cli *c, int argc, char **argv)
{
    uint64_t interval_ms = 1000, count = 0;
    bool once = false;
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct option list[] = {
        {"interval-ms", OPTION_NUMBER, &interval_ms, "N", "between two readings (default 1000)", 100, 3600000},
        {"once", OPTION_FLAG, &once, NULL, "one table, of one interval, and no screen", 0, 0},
        {"count", OPTION_NUMBER, &count, "N", "so many tables, and no screen", 1, 0},
    };
    const struct options o = {
        "top",
        "",
        "Shows what the server's cores do: busy and idle, searches and how long they take, what waits for a graph.",
        list,
        ARRAY_LEN(list),
        0,
        0};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    static struct top t;
    count = once ? 1 : count;
    if (count == 0 && !c->json && top_has_screen() && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO))
        status = top_screen(c, &t, (double)interval_ms / 1000);
    else
        status = print_readings(c, &t, interval_ms, count);
    top_free(&t);
    return status;
}
