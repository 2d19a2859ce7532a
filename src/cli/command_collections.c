/* create, drop, ls, count. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define DIM_MAX UINT32_MAX

int command_create(struct cli *c, int argc, char **argv)
{
    uint64_t dim = 0, m = 0, ef_construct = 0;
    const char *metric = "cosine", *durability = "flush", *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct option list[] = {
        {"dim", OPTION_NUMBER, &dim, "N", "dimensions of the vectors (needed)", 1, DIM_MAX},
        {"metric", OPTION_TEXT, &metric, "METRIC", "l2, ip or cosine (default)", 0, 0},
        {"m", OPTION_NUMBER, &m, "N", "links a node of the graph (else the server's default)", 2, 1024},
        {"ef-construct", OPTION_NUMBER, &ef_construct, "N", "candidates while building (else the server's default)", 1,
         1 << 20},
        {"durability", OPTION_TEXT, &durability, "WHEN",
         "a write is acknowledged when it is on disk (flush, default), flushed\n                           every so "
         "often "
         "(interval), or at once (none)",
         0, 0},
    };
    const struct options o = {"create", "NAME --dim N", "Makes an empty collection.", list, ARRAY_LEN(list), 1, 1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    struct kith_collection x = {.name = words[0],
                                .dim = (uint32_t)dim,
                                .metric = metric_parse(metric),
                                .m = (uint32_t)m,
                                .ef_construct = (uint32_t)ef_construct};
    for (int d = KITH_FLUSH; d <= KITH_NONE; d++)
        if (strcmp(durability, durability_name((enum kith_durability)d)) == 0)
            x.durability = (enum kith_durability)d;
    if (dim == 0 || !x.metric || !x.durability) {
        fprintf(stderr, "kith create: %s; see kith create --help\n",
                dim == 0    ? "--dim is needed"
                : !x.metric ? "--metric is l2, ip or cosine"
                            : "--durability is flush, interval or none");
        return EXIT_USAGE;
    }
    if (cli_connect(c))
        return 1;
    if (kith_create(c->kith, &x) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:s}", "created", x.name));
    else
        printf("created %s: %u dimensions, %s\n", x.name, x.dim, metric_name(x.metric));
    return 0;
}

int command_drop(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct options o = {"drop", "NAME", "Removes a collection and everything in it, without asking.", NULL, 0,
                              1,      1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    if (kith_drop(c->kith, words[0]) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:s}", "dropped", words[0]));
    else
        printf("dropped %s\n", words[0]);
    return 0;
}

int command_ls(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n, count;
    const struct options o = {"ls", "", "Lists the collections.", NULL, 0, 0, 0};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    const struct kith_collection *list;
    if (cli_connect(c))
        return 1;
    if (kith_list(c->kith, &list, &count) < 0)
        return cli_fail_kith(c);
    struct table t;
    uint32_t damaged = 0;
    table_init(&t, "name|>dimensions|metric|durability|>m|>ef_construct|>slots", 7);
    for (size_t i = 0; i < count; i++) {
        const struct kith_collection *x = &list[i];
        if (c->json) {
            cli_print_json(cli_json_collection(x));
            continue;
        }
        damaged += x->damage[0] != 0;
        table_cell(&t, "%s%s", x->name, x->damage[0] ? " (damaged)" : "");
        table_cell(&t, "%u", x->dim);
        table_cell(&t, "%s", metric_name(x->metric));
        table_cell(&t, "%s", durability_name(x->durability));
        table_cell(&t, "%u", x->m);
        table_cell(&t, "%u", x->ef_construct);
        table_cell(&t, "%u", x->slots);
    }
    if (c->json)
        t.count = 0;
    table_print(&t);
    for (size_t i = 0; damaged > 0 && i < count; i++)
        if (list[i].damage[0])
            printf("%s is not served: %s\n", list[i].name, list[i].damage);
    return 0;
}

int command_count(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    uint64_t count;
    const struct options o = {"count", "NAME", "Counts the points of a collection.", NULL, 0, 1, 1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    if (kith_count(c->kith, words[0], &count) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:I}", "count", (json_int_t)count));
    else
        printf("%llu\n", (unsigned long long)count);
    return 0;
}
