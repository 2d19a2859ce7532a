/* top_print.c -- the figures of `kith top` for pipes and machines. */
#include "cli/output.h"
#include "cli/top.h"

#include <stdio.h>

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

void top_print(const struct top *t, const char *server)
{
    struct table table;
    printf("%s, up %s, %.2f cores' time, %s resident\n", server, top_uptime_text(t->uptime_ns), t->cpu,
           bytes_text(t->resident_bytes));
    if (t->read_only[0])
        printf("read-only: %s\n", t->read_only);
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
    fflush(stdout);
}

static json_t *core_json(const struct top_core *x)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "busy",
        x->busy, "interactive", x->interactive, "write", x->write, "background", x->background, "searches_per_s",
        x->searches, "writes_per_s", x->writes, "deletes_per_s", x->deletes, "flushes_per_s", x->flushes, "p50_ns",
        (json_int_t)x->times.p50, "p90_ns", (json_int_t)x->times.p90, "p99_ns", (json_int_t)x->times.p99, "p999_ns",
        (json_int_t)x->times.p999, "stalls", (json_int_t)x->stalls, "queue", (int)x->queue, "fibers", (int)x->fibers,
        "connections", (int)x->connections, "backlog_rows", (json_int_t)x->backlog_rows, "backlog_ns",
        (json_int_t)x->backlog_ns, "builds", (json_int_t)x->builds, "merges", (json_int_t)x->merges);
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
    return json_pack("{s:f, s:f, s:f, s:I, s:s, s:o, s:o, s:o}", "seconds", t->seconds, "uptime_s",
                     (double)t->uptime_ns / 1e9, "cpu_cores", t->cpu, "resident_bytes", (json_int_t)t->resident_bytes,
                     "read_only", t->read_only, "all", core_json(&t->all), "cores", cores, "collections", collections);
}
