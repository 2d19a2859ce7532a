/* top_print.c -- the figures of `kith top` as text for pipes, and as JSON. */
#include "base/check.h"
#include "cli/output.h"
#include "cli/top/top.h"

#include <stdio.h>
#include <stdlib.h>

static void core_print(struct table *t, const char *name, const struct top_core *x)
{
    table_cell(t, "%s", name);
    table_cell(t, "%.0f %%", 100 * x->busy);
    table_cell(t, "%.0f / %.0f / %.0f %%", 100 * x->interactive, 100 * x->write, 100 * x->background);
    table_cell(t, "%s", number_text((uint64_t)x->searches));
    table_cell(t, "%s", top_time_text(x->times.p50));
    table_cell(t, "%s", top_time_text(x->times.p99));
    table_cell(t, "%s", top_time_text(x->times.p999));
    table_cell(t, "%s", number_text((uint64_t)x->writes));
    table_cell(t, "%u", x->queue);
    table_cell(t, "%llu", (unsigned long long)x->stalls);
    table_cell(t, "%s", number_text(x->backlog_rows));
    table_cell(t, "%s", top_time_text(x->backlog_ns));
}

static void cores_print(const struct top *t)
{
    struct table table;
    table_init(
        &table,
        ">core|>busy|>search / write / rest|>searches/s|>p50|>p99|>p99.9|>writes/s|>queue|>stalls|>backlog|>ready in",
        12);
    for (size_t i = 0; i < t->core_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "%zu", i);
        core_print(&table, name, &t->cores[i]);
    }
    struct top_core all = t->all;
    double n = t->core_count ? (double)t->core_count : 1;
    all.busy /= n, all.interactive /= n, all.write /= n, all.background /= n;
    core_print(&table, "all", &all);
    table_print(&table);
}

static void memory_write(FILE *to, const struct top *t)
{
    fprintf(to, "memory %s", bytes_text(t->memory_sum));
    if (t->memory_budget)
        fprintf(to, " of %s (%.0f %%)", bytes_text(t->memory_budget),
                100.0 * (double)t->memory_sum / (double)t->memory_budget);
    for (size_t i = 0; i < t->memory_count && t->memory[i].bytes; i++)
        fprintf(to, "%s %s %s", i ? "," : ":", t->memory[i].name, bytes_text(t->memory[i].bytes));
    fprintf(to, "; mapped %s%s%s", bytes_text(t->memory_mapped), t->memory_pressure ? "; " : "",
            top_pressure_text(t->memory_pressure));
}

static void memory_print(const struct top *t)
{
    char *text = NULL;
    size_t size;
    if (t->memory_count == 0)
        return;
    FILE *to = open_memstream(&text, &size);
    check(to != NULL);
    memory_write(to, t);
    check(fclose(to) == 0);
    if (screen_columns())
        text_print(text, 0);
    else
        puts(text);
    free(text);
}

static void builds_print(const struct top *t)
{
    for (size_t i = 0; i < t->build_count; i++) {
        const struct top_build *b = &t->builds[i];
        printf("core %zu: %s of %s, %s, %.0f %% of %s rows", b->core, b->kind, b->collection, b->phase,
               100 * top_build_share(b), number_text(b->rows));
        printf(b->left_ns ? ", %s left\n" : "\n", top_uptime_text(b->left_ns));
    }
}

void top_print(const struct top *t, const char *server)
{
    printf("%s, up %s, %.2f cores' time, %s resident\n", server, top_uptime_text(t->uptime_ns), t->cpu,
           bytes_text(t->resident_bytes));
    if (t->read_only[0])
        printf("read-only: %s\n", t->read_only);
    cores_print(t);
    printf("last minute: p50 %s, p90 %s, p99 %s, p99.9 %s\n", top_time_text(t->minute.p50),
           top_time_text(t->minute.p90), top_time_text(t->minute.p99), top_time_text(t->minute.p999));
    printf("requests waiting %u, refused %.1f/s; writers slowed %.1f\n", t->all.waiting, t->all.refused, t->all.slowed);
    memory_print(t);
    builds_print(t);
    fflush(stdout);
}

static json_t *core_json(const struct top_core *x)
{
    json_t *j = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "busy",
        x->busy, "interactive", x->interactive, "write", x->write, "background", x->background, "searches_per_s",
        x->searches, "writes_per_s", x->writes, "deletes_per_s", x->deletes, "flushes_per_s", x->flushes, "p50_ns",
        (json_int_t)x->times.p50, "p90_ns", (json_int_t)x->times.p90, "p99_ns", (json_int_t)x->times.p99, "p999_ns",
        (json_int_t)x->times.p999, "stalls", (json_int_t)x->stalls, "queue", (int)x->queue, "fibers", (int)x->fibers,
        "connections", (int)x->connections, "backlog_rows", (json_int_t)x->backlog_rows, "backlog_ns",
        (json_int_t)x->backlog_ns, "builds", (json_int_t)x->builds, "merges", (json_int_t)x->merges);
    json_t *more =
        json_pack("{s:i, s:f, s:f, s:f, s:I}", "waiting", (int)x->waiting, "refused_per_s", x->refused, "fan_out_share",
                  x->wide, "writers_slowed", x->slowed, "writers_slowed_now", (json_int_t)x->slowed_now);
    json_object_update(j, more);
    json_decref(more);
    return j;
}

static json_t *builds_json(const struct top *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->build_count; i++) {
        const struct top_build *b = &t->builds[i];
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:f}", "core", (int)b->core,
                                              "collection", b->collection, "kind", b->kind, "phase", b->phase, "rows",
                                              (json_int_t)b->rows, "rows_done", (json_int_t)b->rows_done, "share",
                                              top_build_share(b), "elapsed_s", (double)b->elapsed_ns / 1e9, "left_s",
                                              (double)b->left_ns / 1e9));
    }
    return list;
}

static json_t *memory_json(const struct top *t)
{
    json_t *kinds = json_object();
    for (size_t i = 0; i < t->memory_count; i++)
        json_object_set_new(kinds, t->memory[i].name, json_integer((json_int_t)t->memory[i].bytes));
    return json_pack("{s:I, s:I, s:i, s:I, s:o}", "bytes", (json_int_t)t->memory_sum, "budget_bytes",
                     (json_int_t)t->memory_budget, "pressure", (int)t->memory_pressure, "mapped_bytes",
                     (json_int_t)t->memory_mapped, "kinds", kinds);
}

static json_t *minute_json(const struct top_times *x)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "p50_ns", (json_int_t)x->p50, "p90_ns", (json_int_t)x->p90, "p99_ns",
                     (json_int_t)x->p99, "p999_ns", (json_int_t)x->p999);
}

json_t *top_json(const struct top *t)
{
    json_t *cores = json_array(), *collections = json_array();
    for (size_t i = 0; i < t->core_count; i++)
        json_array_append_new(cores, core_json(&t->cores[i]));
    for (size_t i = 0; i < t->collection_count; i++) {
        const struct top_collection *c = &t->collections[i];
        json_array_append_new(collections,
                              json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "name", c->name, "points",
                                        (json_int_t)c->points, "sealed_segments", (json_int_t)c->segments,
                                        "growing_rows", (json_int_t)c->growing_rows, "backlog_rows",
                                        (json_int_t)c->backlog_rows, "memory_bytes", (json_int_t)c->memory_bytes,
                                        "disk_bytes", (json_int_t)c->disk_bytes, "damaged", c->damaged));
    }
    return json_pack("{s:f, s:f, s:f, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", t->seconds, "uptime_s",
                     (double)t->uptime_ns / 1e9, "cpu_cores", t->cpu, "resident_bytes", (json_int_t)t->resident_bytes,
                     "read_only", t->read_only, "all", core_json(&t->all), "cores", cores, "collections", collections,
                     "last_minute", minute_json(&t->minute), "memory", memory_json(t), "builds", builds_json(t));
}
