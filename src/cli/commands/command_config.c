/* command_config.c -- config [list] | get NAME | set NAME VALUE | reset NAME. */
#include "cli/command.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

static const char *source_name(enum kith_setting_source source)
{
    return source == KITH_SETTING_SET ? "set" : source == KITH_SETTING_OPTION ? "option" : "default";
}

static json_t *setting_json(const struct kith_setting *s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "name", s->name, "value", s->value, "default", s->standard,
                     "source", source_name(s->source), "number", (json_int_t)s->number, "allowed", s->allowed, "what",
                     s->what);
}

/* Prints what each setting does, below the table, because the texts are too long for columns. */
static void what_print(const struct kith_setting *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("\n%s\n", all[i].name);
        text_print(all[i].what, 4);
    }
}

static int list(struct cli *c, const char **words)
{
    (void)words;
    const struct kith_setting *all;
    size_t count;
    if (kith_config_list(c->kith, &all, &count) < 0)
        return cli_fail_kith(c);
    struct table t;
    if (!c->json)
        table_init(&t, "name|>value|>default|from|takes", 5);
    for (size_t i = 0; i < count; i++) {
        const struct kith_setting *s = &all[i];
        if (c->json) {
            cli_print_json(setting_json(s));
            continue;
        }
        table_cell(&t, "%s", s->name);
        table_cell(&t, "%s", s->value);
        table_cell(&t, "%s", s->standard);
        table_cell(&t, "%s", source_name(s->source));
        table_cell(&t, "%s", s->allowed);
    }
    if (c->json)
        return 0;
    table_print(&t);
    what_print(all, count);
    return 0;
}

static int get(struct cli *c, const char **words)
{
    struct kith_setting s;
    if (kith_config_get(c->kith, words[0], &s) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(setting_json(&s));
    else
        puts(s.value);
    return 0;
}

static int changed(struct cli *c, int rc, const struct kith_setting *s)
{
    if (rc < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(setting_json(s));
    else
        printf("%s is %s from now on%s\n", s->name, s->value,
               s->source == KITH_SETTING_OPTION ? ", by the server's command line" : "");
    return 0;
}

static int set(struct cli *c, const char **words)
{
    struct kith_setting s;
    return changed(c, kith_config_set(c->kith, words[0], words[1], &s), &s);
}

static int reset(struct cli *c, const char **words)
{
    struct kith_setting s;
    return changed(c, kith_config_reset(c->kith, words[0], &s), &s);
}

static const struct action {
    const char *name;
    size_t words;
    const char *usage;
    int (*run)(struct cli *c, const char **words);
} actions[] = {
    {"list", 0, "list", list},
    {"get", 1, "get NAME", get},
    {"set", 2, "set NAME VALUE", set},
    {"reset", 1, "reset NAME", reset},
};

int command_config(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    const struct options o = {
        "config",
        "[list] | get NAME | set NAME VALUE | reset NAME",
        "Shows and changes settings while the server runs.\n\n"
        "  list   all settings: the value, the default, where the value is from, and what it does\n"
        "  set    for all connections, at once, and beyond a restart; an option of kithd overrides it at its next "
        "start\n"
        "  reset  back to the default",
        NULL,
        0,
        0,
        3};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    const char *name = n ? words[0] : "list";
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const struct action *a = &actions[i];
        if (strcmp(name, a->name) != 0)
            continue;
        if ((n ? n - 1 : 0) != a->words) {
            fprintf(stderr, "usage: kith config %s; see kith config --help\n", a->usage);
            return EXIT_USAGE;
        }
        return cli_connect(c) ? 1 : a->run(c, words + 1);
    }
    sentence_print("kith config: there is no '%s'%s; see kith config --help", name,
                   meant_text(name_meant(name, actions, sizeof(*actions), ARRAY_LEN(actions))));
    return EXIT_USAGE;
}
