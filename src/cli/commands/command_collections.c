/* command_collections.c -- create, drop, ls, count. */
#include "cli/command.h"
#include "cli/index_text.h"
#include "cli/output.h"

#include <kith/protocol.h>
#include <stdio.h>
#include <string.h>

#define FIELD_TEXT_MAX 128

/* Parses --code, --refine and --links. Returns NULL, or what is wrong. */
static const char *index_take(struct kith_index *x, const char *code, const char *refine, const char *links)
{
    if (!index_code_parse(code, x))
        return "--code is auto, f32, f16, bf16, sq8, sq4, rabitq or rabitq1 to rabitq8";
    if (!index_refine_parse(refine, &x->refine))
        return "--refine is auto, none, f32, f16 or bf16";
    if (!index_links_parse(links, &x->links))
        return "--links is auto, plain or packed";
    return NULL;
}

static const char *collection_take(struct kith_collection *x, uint64_t dim, const char *metric, const char *durability)
{
    x->dim = (uint32_t)dim;
    x->metric = metric_parse(metric);
    for (int d = KITH_FLUSH; d <= KITH_NONE; d++)
        if (strcmp(durability, durability_name((enum kith_durability)d)) == 0)
            x->durability = (enum kith_durability)d;
    return dim == 0         ? "--dim is required"
           : !x->metric     ? "--metric is l2, ip or cosine"
           : !x->durability ? "--durability is flush, interval or none"
                            : NULL;
}

static struct {
    struct option_texts texts;
    struct kith_field fields[OPTION_TEXTS_MAX];
    char paths[OPTION_TEXTS_MAX][FIELD_TEXT_MAX];
} fields_given;

/* "year:integer"; the last colon counts, because a path may have others. NULL, or what is wrong. */
static const char *fields_take(void)
{
    for (size_t i = 0; i < fields_given.texts.count; i++) {
        const char *text = fields_given.texts.texts[i], *colon = strrchr(text, ':');
        if (!colon || colon == text || !colon[1])
            return "--field is a path and a kind, as in --field year:integer";
        const size_t n = (size_t)(colon - text);
        if (n >= FIELD_TEXT_MAX)
            return "the path of a field has at most 127 bytes";
        memcpy(fields_given.paths[i], text, n);
        fields_given.fields[i] = (struct kith_field){fields_given.paths[i], colon + 1};
    }
    return NULL;
}

int command_create(struct cli *c, int argc, char **argv)
{
    uint64_t dim = 0, m = 0, ef_construct = 0;
    double refine_k = 0;
    const char *metric = "cosine", *durability = "flush", *words[OPTIONS_WORDS_MAX];
    const char *index = "auto", *code = "auto", *refine = "auto", *links = "auto";
    size_t n;
    const struct option list[] = {
        {"dim", OPTION_NUMBER, &dim, "N", "dimensions of the vectors (required)", 1, KITH_DIM_MAX},
        {"metric", OPTION_TEXT, &metric, "METRIC", "l2, ip or cosine (default)", 0, 0},
        {"index", OPTION_TEXT, &index, "KIND", "hnsw (a graph), flat (exact: compares all vectors) or auto (default)",
         0, 0},
        {"code", OPTION_TEXT, &code, "CODE",
         "how searches store rows: f32, f16, bf16, sq8, sq4,\n"
         "                           rabitq1 to rabitq8, or auto (default: by data, size and memory)",
         0, 0},
        {"refine", OPTION_TEXT, &refine, "KIND",
         "rows that score the best candidates again: none, f32, f16, bf16 or auto (default)", 0, 0},
        {"refine-k", OPTION_REAL, &refine_k, "X", "score X times k candidates again (default: by the code)", 1, 100},
        {"links", OPTION_TEXT, &links, "KIND", "of the graph: plain, packed (less memory) or auto (default)", 0, 0},
        {"m", OPTION_NUMBER, &m, "N", "links of a node of the graph (default: by size)", 2, 256},
        {"ef-construct", OPTION_NUMBER, &ef_construct, "N", "width of the beam while building (default: by m)", 1,
         4096},
        {"durability", OPTION_TEXT, &durability, "WHEN",
         "a write is acknowledged when it is on disk (flush, default), flushed\n                           every so "
         "often "
         "(interval), or at once (none)",
         0, 0},
        {"field", OPTION_TEXTS, &fields_given.texts, "NAME:KIND",
         "a field of the payloads that is indexed, as in year:integer; may be repeated", 0, 0},
    };
    const struct options o = {"create", "NAME --dim N", "Makes an empty collection.", list, ARRAY_LEN(list), 1, 1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    struct kith_collection x = {
        .name = words[0],
        .fields = fields_given.fields,
        .field_count = fields_given.texts.count,
        .index = {
            .m = (uint32_t)m, .ef_construct = (uint32_t)ef_construct, .refine_k = (float)refine_k, .kind = index}};
    const char *wrong = collection_take(&x, dim, metric, durability);
    if (!wrong)
        wrong = index_take(&x.index, code, refine, links);
    if (!wrong)
        wrong = fields_take();
    if (wrong) {
        fprintf(stderr, "kith create: %s; see kith create --help\n", wrong);
        return EXIT_USAGE;
    }
    if (cli_connect(c))
        return 1;
    if (kith_create(c->kith, &x) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(json_pack("{s:s}", "created", x.name));
    else
        printf("created %s: %u dimension%s, %s\n", x.name, x.dim, plural(x.dim), metric_name(x.metric));
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

static void collections_print(const struct kith_collection *list, size_t count)
{
    struct table t;
    table_init(&t, "name|>dimensions|metric|durability|index|code|refine|links|>m|>ef_construct|>slots", 11);
    for (size_t i = 0; i < count; i++) {
        const struct kith_collection *x = &list[i];
        table_cell(&t, "%s%s", x->name, x->damage[0] ? " (damaged)" : "");
        table_cell(&t, "%u", x->dim);
        table_cell(&t, "%s", metric_name(x->metric));
        table_cell(&t, "%s", durability_name(x->durability));
        table_cell(&t, "%s", index_kind_text(&x->index));
        table_cell(&t, "%s", index_code_text(&x->index));
        table_cell(&t, "%s", index_refine_text(&x->index));
        table_cell(&t, "%s", index_links_text(&x->index));
        table_cell(&t, "%s", index_number_text(x->index.m));
        table_cell(&t, "%s", index_number_text(x->index.ef_construct));
        table_cell(&t, "%u", x->slots);
    }
    table_print(&t);
    for (size_t i = 0; i < count; i++)
        if (list[i].damage[0])
            printf("%s is not served: %s\n", list[i].name, list[i].damage);
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
    for (size_t i = 0; c->json && i < count; i++)
        cli_print_json(cli_json_collection(&list[i]));
    if (!c->json)
        collections_print(list, count);
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
