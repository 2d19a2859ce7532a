/* command_field.c -- field list | add | drop: the indexed payload fields of a collection. */
#include "cli/command.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int list(struct cli *c, const char **words, uint64_t version)
{
    struct kith_info x;
    (void)version;
    if (kith_info_read(c->kith, words[0], &x) < 0)
        return cli_fail_kith(c);
    const struct kith_collection *of = &x.collection;
    if (c->json) {
        cli_print_json(
            json_pack("{s:I, s:o}", "schema_version", (json_int_t)of->schema_version, "fields", cli_json_fields(of)));
        return 0;
    }
    struct table t;
    table_init(&t, "field|kind", 2);
    for (size_t i = 0; i < of->field_count; i++) {
        table_cell(&t, "%s", of->fields[i].path);
        table_cell(&t, "%s", of->fields[i].kind);
    }
    table_print(&t);
    return 0;
}

static int changed(struct cli *c, int rc, const char **words, const char *what, uint64_t version)
{
    if (rc < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:s, s:I}", what, words[1], "schema_version", (json_int_t)version));
    else
        printf("%s field %s; the schema of %s has version %" PRIu64 " now\n", what, words[1], words[0], version);
    return 0;
}

static int add(struct cli *c, const char **words, uint64_t version)
{
    const struct kith_field field = {words[1], words[2]};
    uint64_t now = 0;
    int rc = kith_field_add(c->kith, words[0], &field, version, &now);
    return changed(c, rc, words, "added", now);
}

static int drop(struct cli *c, const char **words, uint64_t version)
{
    uint64_t now = 0;
    int rc = kith_field_drop(c->kith, words[0], words[1], version, &now);
    return changed(c, rc, words, "dropped", now);
}

static const struct action {
    const char *name;
    size_t words;
    const char *usage;
    int (*run)(struct cli *c, const char **words, uint64_t version);
} actions[] = {
    {"list", 1, "list COLLECTION", list},
    {"add", 3, "add COLLECTION FIELD KIND", add},
    {"drop", 2, "drop COLLECTION FIELD", drop},
};

static int run(struct cli *c, const struct action *a, const char **words, size_t n, uint64_t version)
{
    if (n != a->words) {
        fprintf(stderr, "usage: kith field %s; see kith field --help\n", a->usage);
        return EXIT_USAGE;
    }
    return cli_connect(c) ? 1 : a->run(c, words, version);
}

int command_field(struct cli *c, int argc, char **argv)
{
    uint64_t version = 0;
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct option given[] = {
        {"version", OPTION_NUMBER, &version, "N",
         "the schema's expected version: the change is refused if the schema has another one", 1, INT64_MAX},
    };
    const struct options o = {
        "field",
        "list COLLECTION | add COLLECTION FIELD KIND | drop COLLECTION FIELD",
        "Shows and changes which fields of the payloads are indexed, while the collection is used.\n\n"
        "  FIELD  keys of nested objects with dots between them, as in address.city\n"
        "  KIND   which values filters may ask for: integer, the whole numbers. A server that does\n"
        "         not know the kind names those that it knows.",
        given,
        ARRAY_LEN(given),
        1,
        4};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(words[0], actions[i].name) == 0)
            return run(c, &actions[i], words + 1, n - 1, version);
    sentence_print("kith field: there is no '%s'%s; see kith field --help", words[0],
                   meant_text(name_meant(words[0], actions, sizeof(*actions), ARRAY_LEN(actions))));
    return EXIT_USAGE;
}
