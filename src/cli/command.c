/* command.c -- the parts that all subcommands share: connecting, reporting a failure, parsing
 * common options. */
#include "cli/command.h"
#include "cli/index_text.h"
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const metrics[] = {[KITH_L2] = "l2", [KITH_INNER_PRODUCT] = "ip", [KITH_COSINE] = "cosine"};
static const char *const fan_outs[] = {
    [KITH_FAN_OUT_AUTO] = "auto", [KITH_FAN_OUT_ONE] = "1", [KITH_FAN_OUT_ALL] = "all"};
static const char *const durabilities[] = {[KITH_FLUSH] = "flush", [KITH_INTERVAL] = "interval", [KITH_NONE] = "none"};

#define STARTING_WAIT_MS 60000
#define REFUSED_WAIT_MS  5000 /* where no server listens yet */
#define WAIT_SAID_S      5.0

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sentence_vprint("kith: ", format, args);
    va_end(args);
    return 1;
}

int cli_fail_kith(const struct cli *c)
{
    return cli_fail("%s", kith_error(c->kith));
}

/* Reports every few seconds what kith waits for. */
static void on_wait(void *arg, const char *why)
{
    static double said;
    (void)arg;
    double now = clock_seconds();
    if (said != 0 && now - said < WAIT_SAID_S)
        return;
    said = now;
    (void)cli_fail("%s (waiting for it)", why);
}

int cli_connect(struct cli *c)
{
    char error[ERROR_TEXT_MAX];
    if (kith_open_within(c->server, REFUSED_WAIT_MS, on_wait, NULL, &c->kith, error, sizeof(error)) < 0)
        return cli_fail("%s", error);
    kith_patience_set(c->kith, STARTING_WAIT_MS, on_wait, NULL);
    return 0;
}

void cli_print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

json_t *cli_json_fields(const struct kith_collection *x)
{
    json_t *list = json_array();
    for (size_t i = 0; i < x->field_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "field", x->fields[i].path, "kind", x->fields[i].kind));
    return list;
}

json_t *cli_json_collection(const struct kith_collection *x)
{
    json_t *j = json_pack("{s:s, s:i, s:s, s:s, s:i}", "name", x->name, "dim", (int)x->dim, "metric",
                          metric_name(x->metric), "durability", durability_name(x->durability), "slots", (int)x->slots);
    index_json_add(j, &x->index);
    if (x->damage && x->damage[0])
        json_object_set_new(j, "damage", json_string(x->damage));
    return j;
}

int fan_out_parse(const char *command, const char *text, enum kith_fan_out *ret)
{
    *ret = KITH_FAN_OUT_SETTING;
    for (unsigned i = KITH_FAN_OUT_AUTO; text && i < ARRAY_LEN(fan_outs); i++)
        if (strcmp(text, fan_outs[i]) == 0)
            *ret = (enum kith_fan_out)i;
    if (!text || *ret != KITH_FAN_OUT_SETTING)
        return 0;
    sentence_print("kith %s: --fan-out must be auto, 1 or all, not '%s'", command, text);
    return EXIT_USAGE;
}

int recall_parse(const char *command, const char *text, float *ret)
{
    char *end = NULL;
    *ret = text ? strtof(text, &end) : 0;
    if (!text || (end != text && *end == 0 && *ret > 0 && *ret <= 1))
        return 0;
    fprintf(stderr, "kith %s: --recall must be above 0 and at most 1 (1 is exact), not '%s'\n", command, text);
    return EXIT_USAGE;
}

enum kith_metric metric_parse(const char *text)
{
    for (int i = KITH_L2; i <= KITH_COSINE; i++)
        if (strcmp(text, metrics[i]) == 0)
            return (enum kith_metric)i;
    return (enum kith_metric)0;
}

const char *metric_name(enum kith_metric metric)
{
    return metric >= KITH_L2 && metric <= KITH_COSINE ? metrics[metric] : "?";
}

const char *durability_name(enum kith_durability durability)
{
    return durability >= KITH_FLUSH && durability <= KITH_NONE ? durabilities[durability] : "?";
}
