#include "cli/command.h"
#include "cli/index_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const metrics[] = {[KITH_L2] = "l2", [KITH_INNER_PRODUCT] = "ip", [KITH_COSINE] = "cosine"};
static const char *const spreads[] = {[KITH_SPREAD_AUTO] = "auto", [KITH_SPREAD_ONE] = "1", [KITH_SPREAD_ALL] = "all"};
static const char *const durabilities[] = {[KITH_FLUSH] = "flush", [KITH_INTERVAL] = "interval", [KITH_NONE] = "none"};

int cli_fail(const char *format, ...)
{
    va_list args;
    fputs("kith: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

int cli_fail_kith(const struct cli *c)
{
    return cli_fail("%s", kith_error(c->kith));
}

int cli_connect(struct cli *c)
{
    char error[ERROR_TEXT_MAX];
    if (kith_open(c->server, &c->kith, error, sizeof(error)) < 0)
        return cli_fail("%s", error);
    return 0;
}

void cli_print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(object);
}

json_t *cli_json_id(struct kith_id id)
{
    char text[40];
    if (id.hi == 0 && id.lo <= INT64_MAX)
        return json_integer((json_int_t)id.lo);
    return json_string(kith_id_format(id, text));
}

json_t *cli_json_payload(const char *payload)
{
    json_t *value = payload[0] ? json_loads(payload, JSON_DECODE_ANY, NULL) : NULL;
    if (value)
        return value;
    return payload[0] ? json_string(payload) : json_null();
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

json_t *cli_json_vector(const float *vector, uint32_t dim)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < dim; i++)
        json_array_append_new(array, json_real((double)vector[i]));
    return array;
}

int spread_parse(const char *command, const char *text, enum kith_spread *ret)
{
    *ret = KITH_SPREAD_SETTING;
    for (unsigned i = KITH_SPREAD_AUTO; text && i < ARRAY_LEN(spreads); i++)
        if (strcmp(text, spreads[i]) == 0)
            *ret = (enum kith_spread)i;
    if (!text || *ret != KITH_SPREAD_SETTING)
        return 0;
    fprintf(stderr, "kith %s: --spread is auto, 1 or all, not '%s'\n", command, text);
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
