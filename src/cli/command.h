/* command.h -- the interface of a subcommand: its arguments, and how it reports a failure.
 *
 * A command is one function. It parses its own options, connects once they are valid, prints
 * results to stdout, and returns the exit status: 0, 1 after a sentence on stderr, or
 * EXIT_USAGE. */
#pragma once

#include "base/error.h"
#include "cli/options.h"

#include <jansson.h>
#include <kith/kith.h>

/* libkith is built without src/base, so the codes are listed there again. */
_Static_assert((int)KITH_SERVER_CODES == (int)ERROR_CODES, "kith.h lacks a code of the server");

struct cli {
    const char *server; /* NULL: the default of libkith */
    bool json;
    struct kith *kith;        /* set by cli_connect(); main() closes it */
    char why[ERROR_TEXT_MAX]; /* set by top_read_again() */
};

struct command {
    const char *name, *summary;
    int (*run)(struct cli *c, int argc, char **argv);
};

/* 0, or 1 after printing the error. */
int cli_connect(struct cli *c);
/* Prints the error of the last libkith call, or the given sentence. Both return 1. */
int cli_fail_kith(const struct cli *c);
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* Prints one line of JSON and drops the reference. */
void cli_print_json(json_t *object);
json_t *cli_json_collection(const struct kith_collection *x);
json_t *cli_json_fields(const struct kith_collection *x); /* [{"field": "year", "kind": "integer"}] */

/* Convert a metric from and to its name, like "l2"; 0: no such name. */
enum kith_metric metric_parse(const char *text);
/* Parses "auto", "1" or "all"; NULL: the server's setting. Returns 0, or EXIT_USAGE after printing
 * the error. */
int fan_out_parse(const char *command, const char *text, enum kith_fan_out *ret);
/* Parses a number like "0.99"; NULL: 0, the server's setting. Returns 0, or EXIT_USAGE after
 * printing the error. */
int recall_parse(const char *command, const char *text, float *ret);
const char *metric_name(enum kith_metric metric);
const char *durability_name(enum kith_durability durability);

int command_create(struct cli *c, int argc, char **argv);
int command_drop(struct cli *c, int argc, char **argv);
int command_ls(struct cli *c, int argc, char **argv);
int command_info(struct cli *c, int argc, char **argv);
int command_count(struct cli *c, int argc, char **argv);
int command_snapshot(struct cli *c, int argc, char **argv);
int command_get(struct cli *c, int argc, char **argv);
int command_delete(struct cli *c, int argc, char **argv);
int command_search(struct cli *c, int argc, char **argv);
int command_import(struct cli *c, int argc, char **argv);
int command_bench(struct cli *c, int argc, char **argv);
int command_verify(struct cli *c, int argc, char **argv);
int command_seal(struct cli *c, int argc, char **argv);
int command_compact(struct cli *c, int argc, char **argv);
int command_stats(struct cli *c, int argc, char **argv);
int command_top(struct cli *c, int argc, char **argv);
int command_config(struct cli *c, int argc, char **argv);
int command_field(struct cli *c, int argc, char **argv);
int command_ping(struct cli *c, int argc, char **argv);
int command_demo(struct cli *c, int argc, char **argv);
