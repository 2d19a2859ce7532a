/* command_ping.c -- ping: measures round trips. */
#include "base/histogram.h"
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <unistd.h>

int command_ping(struct cli *c, int argc, char **argv)
{
    uint64_t count = 5, interval_ms = 200;
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct option list[] = {
        {"count", OPTION_NUMBER, &count, "N", "number of requests (default 5)", 1, 0},
        {"interval-ms", OPTION_NUMBER, &interval_ms, "N", "pause between two requests, in ms (default 200)", 0,
         1000000},
    };
    const struct options o = {
        "ping", "", "Sends empty requests to the server and measures the round trips.", list, ARRAY_LEN(list), 0, 0};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    static struct histogram h;
    histogram_init(&h);
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            usleep((useconds_t)interval_ms * 1000);
        double from = clock_seconds();
        if (kith_ping(c->kith) < 0)
            return cli_fail_kith(c);
        double us = (clock_seconds() - from) * 1e6;
        histogram_add(&h, (uint64_t)(us * 1000));
        if (c->json)
            cli_print_json(json_pack("{s:I, s:f}", "ping", (json_int_t)i + 1, "us", us));
        else
            printf("%s answered in %.1f us\n", kith_server(c->kith), us);
    }
    if (!c->json)
        printf("%llu round trips: fastest %.1f us, median %.1f us, slowest %.1f us\n", (unsigned long long)count,
               (double)h.min / 1e3, (double)histogram_percentile(&h, 50) / 1e3, (double)h.max / 1e3);
    return 0;
}
