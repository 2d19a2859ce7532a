/* command_top.c -- top: a live view of the cores of a server. */
#include "cli/output.h"
#include "cli/top/top.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define GIVE_UP_S 60.0
#define RETRY_MS  500

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

/* Takes a reading; if the server is gone, tries to connect again. 0; 1 when the user stops it; -1
 * when the server did not come back in GIVE_UP_S. */
static int read_or_wait(struct cli *c, struct top *t)
{
    double until = clock_seconds() + GIVE_UP_S;
    bool said = false;
    for (;;) {
        int rc = top_read_again(c, t);
        if (rc <= 0 || stop)
            return rc;
        if (clock_seconds() > until)
            return -1;
        if (!said)
            (void)cli_fail("%s; connecting again", c->why);
        said = true;
        pause_between(RETRY_MS);
    }
}

/* Prints a table or a line of JSON for every reading but the first, which has no rates. */
static int print_readings(struct cli *c, struct top *t, uint64_t interval_ms, uint64_t count)
{
    signal(SIGINT, on_signal);
    for (uint64_t printed = 0; !stop && (count == 0 || printed < count);) {
        int rc = read_or_wait(c, t);
        if (rc < 0)
            return cli_fail("%s", c->why);
        if (rc == 0 && t->seconds > 0) {
            if (c->json)
                cli_print_json(top_json(t));
            else
                top_print(t, kith_server(c->kith));
            printed++;
        }
        if (count == 0 || printed < count)
            pause_between(interval_ms);
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
        {"interval-ms", OPTION_NUMBER, &interval_ms, "N", "time between two readings, in ms (default 1000)", 100,
         3600000},
        {"once", OPTION_FLAG, &once, NULL, "prints one table, of one interval, and ends", 0, 0},
        {"count", OPTION_NUMBER, &count, "N", "prints N tables and ends", 1, 0},
    };
    const struct options o = {
        "top",
        "",
        "Shows the server's cores: load, searches and their durations, rows that wait for the graph.\n"
        "When the server restarts, it connects again. NO_COLOR in the environment turns off colours.",
        list,
        ARRAY_LEN(list),
        0,
        0};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    kith_patience_set(c->kith, 0, NULL, NULL); /* so that a starting server is shown at once */
    static struct top t;
    count = once ? 1 : count;
    if (count == 0 && !c->json && top_has_screen() && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO))
        status = top_screen(c, &t, (double)interval_ms / 1000);
    else
        status = print_readings(c, &t, interval_ms, count);
    top_free(&t);
    return status;
}
