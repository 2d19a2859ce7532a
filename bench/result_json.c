/* result_json.c -- reads and writes one line for each engine. Numbers that a line of an older
 * program lacks are read as 0; a line that is not a JSON object is refused. */
#include "result.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 7 /* digits of a measured number that are stored */

static json_t *point_pack(const struct result_point *p)
{
    return json_pack("{s:i, s:f, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "ef", (int)p->ef, "refine_k", p->refine_k,
                     "interleave", (int)p->interleave, "rounds", (int)p->rounds, "recall", p->recall, "qps", p->qps,
                     "qps_low", p->qps_low, "qps_high", p->qps_high, "p50_us", p->p50_us, "p99_us", p->p99_us);
}

static json_t *engine_pack(const struct result *r, const struct result_engine *x)
{
    json_t *builds = json_array(), *points = json_array();
    for (unsigned i = 0; i < x->build_count; i++)
        json_array_append_new(builds, json_pack("{s:i, s:f, s:f, s:f}", "threads", (int)x->builds[i].threads, "cpu_s",
                                                x->builds[i].cpu_s, "wall_s", x->builds[i].wall_s, "chain_s",
                                                x->builds[i].chain_s));
    for (unsigned i = 0; i < x->point_count; i++)
        json_array_append_new(points, point_pack(&x->points[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:i, s:i, s:f, s:f, s:o, s:o}", //
                     "bench", "ann", "machine", r->machine, "commit", r->commit,                                   //
                     "data", r->data, "metric", r->metric, "rows", (int)r->rows, "dim", (int)r->dim, "queries",
                     (int)r->queries, "k", (int)r->k, "rounds", (int)r->rounds, //
                     "engine", x->name, "what", x->what, "m", (int)x->m, "ef_construct", (int)x->ef_construct,
                     "held_bytes", x->held_bytes, "mapped_bytes", x->mapped_bytes, "builds", builds, "points", points);
}

void result_write(const struct result *r, FILE *to)
{
    for (unsigned i = 0; i < r->engine_count; i++) {
        json_t *line = engine_pack(r, &r->engines[i]);
        if (line) {
            json_dumpf(line, to, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
            fputc('\n', to);
        }
        json_decref(line);
    }
}

static void text_read(const json_t *o, const char *key, char *ret, size_t room)
{
    const char *text = json_string_value(json_object_get(o, key));
    snprintf(ret, room, "%s", text ? text : "");
}

static double number_read(const json_t *o, const char *key)
{
    double value = json_number_value(json_object_get(o, key));
    return value >= 0 ? value : 0;
}

static uint32_t whole_read(const json_t *o, const char *key)
{
    double value = number_read(o, key);
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static int engine_unpack(const json_t *line, struct result_engine *x)
{
    *x = (struct result_engine){.m = whole_read(line, "m"),
                                .ef_construct = whole_read(line, "ef_construct"),
                                .held_bytes = number_read(line, "held_bytes"),
                                .mapped_bytes = number_read(line, "mapped_bytes")};
    text_read(line, "engine", x->name, sizeof(x->name));
    text_read(line, "what", x->what, sizeof(x->what));
    const json_t *builds = json_object_get(line, "builds"), *points = json_object_get(line, "points"), *o;
    size_t i;
    json_array_foreach(builds, i, o) if (x->build_count < RESULT_BUILDS_MAX) x->builds[x->build_count++] =
        (struct result_build){.threads = whole_read(o, "threads"),
                              .cpu_s = number_read(o, "cpu_s"),
                              .wall_s = number_read(o, "wall_s"),
                              .chain_s = number_read(o, "chain_s")};
    x->points = calloc(json_array_size(points) + 1, sizeof(*x->points));
    if (!x->points)
        return -ENOMEM;
    json_array_foreach(points, i, o) x->points[x->point_count++] =
        (struct result_point){.ef = whole_read(o, "ef"),
                              .refine_k = number_read(o, "refine_k"),
                              .interleave = whole_read(o, "interleave"),
                              .rounds = whole_read(o, "rounds"),
                              .recall = number_read(o, "recall"),
                              .qps = number_read(o, "qps"),
                              .qps_low = number_read(o, "qps_low"),
                              .qps_high = number_read(o, "qps_high"),
                              .p50_us = number_read(o, "p50_us"),
                              .p99_us = number_read(o, "p99_us")};
    return 0;
}

/* The result for this data, which is created if needed; machine and run come from the line. */
static struct result *result_of(struct results *all, const json_t *line)
{
    char data[sizeof(all->list->data)];
    text_read(line, "data", data, sizeof(data));
    struct result *r = (struct result *)results_find(all, data);
    if (!r) {
        struct result *list = realloc(all->list, (all->count + 1) * sizeof(*list));
        if (!list)
            return NULL;
        all->list = list;
        r = &list[all->count++];
        *r = (struct result){0};
        snprintf(r->data, sizeof(r->data), "%s", data);
    }
    text_read(line, "metric", r->metric, sizeof(r->metric));
    text_read(line, "machine", r->machine, sizeof(r->machine));
    text_read(line, "commit", r->commit, sizeof(r->commit));
    r->rows = whole_read(line, "rows");
    r->dim = whole_read(line, "dim");
    r->queries = whole_read(line, "queries");
    r->k = whole_read(line, "k");
    r->rounds = whole_read(line, "rounds");
    return r;
}

static int line_take(struct results *all, const json_t *line)
{
    struct result_engine x;
    struct result *r = result_of(all, line);
    int rc = r ? engine_unpack(line, &x) : -ENOMEM;
    if (rc < 0)
        return rc;
    struct result_engine *at = (struct result_engine *)result_engine(r, x.name);
    if (!at && r->engine_count == RESULT_ENGINES_MAX) {
        free(x.points);
        return -E2BIG;
    }
    if (!at)
        at = &r->engines[r->engine_count++];
    else
        free(at->points);
    *at = x;
    return 0;
}

static int lines_read(FILE *f, const char *path, struct results *all, struct error *e)
{
    char *text = NULL;
    size_t room = 0;
    int rc = 0;
    for (unsigned number = 1; rc == 0 && getline(&text, &room, f) >= 0; number++) {
        if (text[strspn(text, " \t\r\n")] == 0)
            continue;
        json_error_t wrong;
        json_t *line = json_loads(text, 0, &wrong);
        if (!json_is_object(line))
            rc = error_set(e, ERROR_INVALID_ARGUMENT, "%s:%u: not a line of `ann --output`: %s", path, number,
                           line ? "it is no object" : wrong.text);
        else if ((rc = line_take(all, line)) < 0)
            error_set_errno(e, rc, "%s:%u", path, number);
        json_decref(line);
    }
    free(text);
    return rc;
}

int results_read(const char *path, struct results *ret, struct error *e)
{
    *ret = (struct results){0};
    FILE *f = fopen(path, "r");
    if (!f)
        return error_set_errno(e, -errno, "%s", path);
    int rc = lines_read(f, path, ret, e);
    fclose(f);
    return rc;
}
