/* main.c -- kith, the command line. Each subcommand is one row of the table here and one file. */
#include "cli/command.h"
#include "cli/output.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command commands[] = {
    {"create", "makes a collection", command_create},
    {"drop", "removes a collection and everything in it", command_drop},
    {"ls", "lists the collections", command_ls},
    {"info", "shows the state of a collection, or of the server", command_info},
    {"count", "counts the points of a collection", command_count},
    {"import", "puts the vectors of a file into a collection", command_import},
    {"get", "shows points by their ids", command_get},
    {"delete", "removes points by their ids", command_delete},
    {"search", "finds the points nearest to a vector", command_search},
    {"seal", "seals the growing segments of a collection", command_seal},
    {"compact", "rewrites a collection's segments without deleted rows, and merges them", command_compact},
    {"verify", "compares every checksum on the server's disk", command_verify},
    {"snapshot", "takes, lists, checks and restores snapshots of all data", command_snapshot},
    {"bench", "measures recall, latency and throughput of searches", command_bench},
    {"stats", "shows durations of searches by kind, and the server's memory", command_stats},
    {"top", "shows the server's cores, live", command_top},
    {"field", "shows and changes which fields of the payloads are indexed", command_field},
    {"config", "shows and changes settings while the server runs", command_config},
    {"ping", "measures round trips to the server", command_ping},
    {"demo", "finds the nearest words to misspelt ones", command_demo},
};

static void usage_print(FILE *to)
{
    fputs("usage: kith COMMAND [arguments] [--server HOST:PORT] [--json]\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\nkith COMMAND --help has details. The server is --server, else KITH_SERVER, else 127.0.0.1:7700.\n"
          "A command waits up to 5 s for a server that does not listen yet.\n",
          to);
}

/* Removes --server and --json from the arguments before a "--". Returns the new argc, or -1. */
static int globals_take(struct cli *c, int argc, char **argv)
{
    int kept = 0;
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        only_words |= strcmp(argv[i], "--") == 0;
        if (!only_words && strcmp(argv[i], "--json") == 0) {
            c->json = true;
        } else if (!only_words && strncmp(argv[i], "--server=", 9) == 0) {
            c->server = argv[i] + 9;
        } else if (!only_words && strcmp(argv[i], "--server") == 0) {
            if (++i == argc)
                return -1;
            c->server = argv[i];
        } else {
            argv[kept++] = argv[i];
        }
    }
    return kept;
}

int main(int argc, char **argv)
{
    struct cli c = {.server = getenv("KITH_SERVER")};
    setlocale(LC_CTYPE, "");
    argc = globals_take(&c, argc - 1, argv + 1);
    argv++;
    if (argc < 0) {
        fputs("kith: --server needs HOST:PORT\n", stderr);
        return EXIT_USAGE;
    }
    if (argc == 0) {
        usage_print(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[0], "help") == 0 && argc > 1) { /* "help COMMAND" means "COMMAND --help" */
        argv[0] = argv[1];
        argv[1] = (char *)"--help";
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "help") == 0) {
        usage_print(stdout);
        return 0;
    }
    if (strcmp(argv[0], "--version") == 0) {
        puts("kith " KITH_CLI_VERSION);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            int status = commands[i].run(&c, argc - 1, argv + 1);
            kith_close(c.kith);
            if (fflush(stdout) != 0 || ferror(stdout))
                status = cli_fail("cannot write the answer: %m");
            return status;
        }
    }
    sentence_print("kith: there is no command '%s'%s; see kith --help", argv[0],
                   meant_text(name_meant(argv[0], commands, sizeof(*commands), ARRAY_LEN(commands))));
    return EXIT_USAGE;
}
