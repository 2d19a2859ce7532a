/* command_info.c -- info: the state of a collection, or of the server. */
#include "cli/command.h"
#include "cli/index_text.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int server_info(struct cli *c)
{
    struct kith_stats s;
    if (kith_stats_read(c->kith, &s) < 0)
        return cli_fail_kith(c);
    if (c->json) {
        json_t *j = json_pack("{s:s, s:i, s:i}", "server", kith_server(c->kith), "reactors",
                              (int)kith_reactors(c->kith), "requests_max", (int)kith_requests_max(c->kith));
        if (s.read_only[0])
            json_object_set_new(j, "read_only", json_string(s.read_only));
        cli_print_json(j);
        return 0;
    }
    if (s.read_only[0])
        printf("read-only: %s\n", s.read_only);
    printf("%s, %u reactor%s, up to %u requests in flight on a connection\n", kith_server(c->kith),
           kith_reactors(c->kith), plural(kith_reactors(c->kith)), kith_requests_max(c->kith));
    return 0;
}

/* -- a collection -- */

static uint64_t growing_of(const struct kith_info *x)
{
    return x->growing_rows + x->growing_dead_rows;
}

/* Includes deleted rows, like the list of segments. */
static uint64_t rows_of(const struct kith_info *x)
{
    return growing_of(x) + x->sealed_rows;
}

static uint64_t deleted_of(const struct kith_info *x)
{
    return x->growing_dead_rows + x->sealed_dead_rows;
}

static void row_print(struct table *t, const char *name, const char *value, uint64_t part, uint64_t whole)
{
    table_cell(t, "%s", name);
    table_cell(t, "%s", value);
    if (whole)
        table_cell(t, "%.1f %%", 100.0 * (double)part / (double)whole);
    else
        table_cell(t, "%s", "");
}

static void schema_print(const struct kith_collection *x)
{
    printf("schema version %" PRIu64 ": %s", x->schema_version, x->field_count ? "fields" : "no field is indexed");
    for (size_t i = 0; i < x->field_count; i++)
        printf("%s %s (%s)", i ? "," : "", x->fields[i].path, x->fields[i].kind);
    printf("\n");
}

static void info_print(const struct kith_info *x)
{
    struct table t;
    uint64_t rows = rows_of(x), deleted = deleted_of(x);
    const struct kith_index *index = &x->collection.index;
    printf("%s: %u dimension%s, %s, durability %s, index %s, code %s, refine %s, links %s, m %s, ef_construct %s\n",
           x->collection.name, x->collection.dim, plural(x->collection.dim), metric_name(x->collection.metric),
           durability_name(x->collection.durability), index_kind_text(index), index_code_text(index),
           index_refine_text(index), index_links_text(index), index_number_text(index->m),
           index_number_text(index->ef_construct));
    schema_print(&x->collection);
    table_init(&t, NULL, 3);
    t.right[1] = t.right[2] = true;
    row_print(&t, "points", number_text(x->points), 0, 0);
    row_print(&t, "rows", number_text(rows), 0, 0);
    row_print(&t, "  in growing segments", number_text(growing_of(x)), growing_of(x), rows);
    row_print(&t, "    of these deleted", number_text(x->growing_dead_rows), x->growing_dead_rows, growing_of(x));
    row_print(&t, "    of these in the graph", number_text(x->growing_graphed), x->growing_graphed, growing_of(x));
    row_print(&t, "  in sealed segments", number_text(x->sealed_rows), x->sealed_rows, rows);
    row_print(&t, "    of these deleted", number_text(x->sealed_dead_rows), x->sealed_dead_rows, x->sealed_rows);
    row_print(&t, "  deleted", number_text(deleted), deleted, rows);
    row_print(&t, "sealed segments", number_text(x->sealed_segments), 0, 0);
    row_print(&t, "memory", bytes_text(x->memory_bytes), 0, 0);
    row_print(&t, "disk", bytes_text(x->disk_bytes), 0, 0);
    table_print(&t);
    if (x->read_only[0])
        printf("read-only: %s\n", x->read_only);
}

static json_t *info_json(const struct kith_info *x)
{
    json_t *j =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "points", (json_int_t)x->points, "growing_rows",
                  (json_int_t)x->growing_rows, "growing_dead_rows", (json_int_t)x->growing_dead_rows, "growing_graphed",
                  (json_int_t)x->growing_graphed, "sealed_segments", (json_int_t)x->sealed_segments, "sealed_rows",
                  (json_int_t)x->sealed_rows, "sealed_dead_rows", (json_int_t)x->sealed_dead_rows, "deleted_rows",
                  (json_int_t)deleted_of(x), "memory_bytes", (json_int_t)x->memory_bytes, "disk_bytes",
                  (json_int_t)x->disk_bytes);
    json_t *collection = cli_json_collection(&x->collection);
    json_object_update(j, collection);
    json_decref(collection);
    json_object_set_new(j, "schema_version", json_integer((json_int_t)x->collection.schema_version));
    json_object_set_new(j, "fields", cli_json_fields(&x->collection));
    if (x->read_only[0])
        json_object_set_new(j, "read_only", json_string(x->read_only));
    return j;
}

/* -- its segments -- */

static const char *state_name(const struct kith_segment *s)
{
    switch (s->state) {
    case KITH_GROWING: return "growing";
    case KITH_FROZEN: return "frozen";
    default: return s->merging ? "merging" : "sealed";
    }
}

static void segment_print(struct table *t, const struct kith_segment *s)
{
    table_cell(t, "%s", number_text(s->rows));
    table_cell(t, "%s", number_text(s->rows - s->deleted_rows));
    table_cell(t, "%s", number_text(s->deleted_rows));
    table_cell(t, "%s", number_text(s->tombstones));
    table_cell(t, "%s", bytes_text(s->vector_bytes));
    table_cell(t, "%s", s->rows ? bytes_text(s->payload_bytes / s->rows) : "");
    table_cell(t, "%s", bytes_text(s->index_bytes));
    table_cell(t, "%s", bytes_text(s->memory_bytes));
    table_cell(t, "%s", bytes_text(s->disk_bytes));
}

/* Only a sealed segment has an index whose options are all chosen. */
static bool is_chosen(const struct kith_segment *s)
{
    return s->index.kind && s->index.kind[0];
}

static void index_print(struct table *t, const struct kith_segment *s)
{
    const bool sealed = is_chosen(s);
    table_cell(t, "%s", sealed ? index_kind_text(&s->index) : "");
    table_cell(t, "%s", sealed ? index_code_text(&s->index) : "");
    table_cell(t, "%s", sealed ? index_refine_text(&s->index) : "");
    table_cell(t, "%s", sealed ? index_links_text(&s->index) : "");
}

/* Prints why the indexes have their options: each reason once, after the ids of its segments. */
static void why_print(const struct kith_segment *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(list[first].why, list[i].why) != 0)
            first++;
        if (first < i || !list[i].why[0])
            continue;
        fputs("segment", stdout);
        for (size_t j = i; j < count; j++)
            if (strcmp(list[j].why, list[i].why) == 0)
                printf(" %llu", (unsigned long long)list[j].id);
        printf(": %s\n", list[i].why);
    }
}

/* Prints " .95 with ef 46, .98 with ef 70": the rungs from recall .8 on, until a higher ef brings
 * no more recall. */
static void ladder_print(const struct kith_recall_rung *rungs, size_t count)
{
    const char *before = "";
    for (size_t i = 0; i < count && (i < 2 || rungs[i - 1].recall > rungs[i - 2].recall); i++) {
        if (rungs[i].recall < 0.8f && i + 1 < count)
            continue;
        printf("%s %.4g with ef %u", before, (double)rungs[i].recall, rungs[i].ef);
        before = ",";
    }
}

/* Prints the recall of a segment if it was measured. */
static void recall_print(const struct kith_segment *s)
{
    if (s->recall_10_count == 0)
        return;
    printf("segment %llu: recall@10 is", (unsigned long long)s->id);
    ladder_print(s->recall_10, s->recall_10_count);
    printf("; %.4g by scanning all codes\n", (double)s->recall_scan.recall);
    if (s->recall_10_early_count == 0)
        return;
    printf("segment %llu: where walks may end early, it is", (unsigned long long)s->id);
    ladder_print(s->recall_10_early, s->recall_10_early_count);
    putchar('\n');
}

static void segment_add(struct kith_segment *sum, const struct kith_segment *s)
{
    sum->rows += s->rows;
    sum->deleted_rows += s->deleted_rows;
    sum->tombstones += s->tombstones;
    sum->vector_bytes += s->vector_bytes;
    sum->payload_bytes += s->payload_bytes;
    sum->index_bytes += s->index_bytes;
    sum->memory_bytes += s->memory_bytes;
    sum->disk_bytes += s->disk_bytes;
}

static void segments_print(const struct kith_segment *list, size_t count)
{
    struct table t;
    struct kith_segment sum = {0};
    table_init(&t,
               ">id|>core|state|>rows|>live|>deleted|>tombstones|>vectors|>payload avg|>index|>memory|>disk|kind|code|"
               "refine|links",
               16);
    for (size_t i = 0; i < count; i++) {
        const struct kith_segment *s = &list[i];
        if (s->id)
            table_cell(&t, "%llu", (unsigned long long)s->id);
        else
            table_cell(&t, "-");
        table_cell(&t, "%u", s->reactor);
        table_cell(&t, "%s", state_name(s));
        segment_print(&t, s);
        index_print(&t, s);
        segment_add(&sum, s);
    }
    table_cell(&t, "all");
    table_cell(&t, "%s", "");
    table_cell(&t, "%zu segment%s", count, count == 1 ? "" : "s");
    segment_print(&t, &sum);
    index_print(&t, &sum);
    table_print(&t);
    why_print(list, count);
    for (size_t i = 0; i < count; i++)
        recall_print(&list[i]);
}

static json_t *ladder_json(const struct kith_recall_rung *rungs, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:i, s:f, s:f, s:f}", "ef", (int)rungs[i].ef, "recall",
                                               (double)rungs[i].recall, "floor", (double)rungs[i].floor, "distances",
                                               (double)rungs[i].distances));
    return array;
}

static json_t *segment_json(const struct kith_segment *s)
{
    json_t *j = json_pack("{s:I, s:i, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)s->id,
                          "core", (int)s->reactor, "state", state_name(s), "merging", s->merging, "rows",
                          (json_int_t)s->rows, "deleted_rows", (json_int_t)s->deleted_rows, "tombstones",
                          (json_int_t)s->tombstones, "vector_bytes", (json_int_t)s->vector_bytes, "payload_bytes",
                          (json_int_t)s->payload_bytes, "index_bytes", (json_int_t)s->index_bytes, "memory_bytes",
                          (json_int_t)s->memory_bytes, "disk_bytes", (json_int_t)s->disk_bytes);
    if (is_chosen(s)) {
        index_json_add(j, &s->index);
        json_object_set_new(j, "why", json_string(s->why));
        json_object_set_new(j, "recall_10", ladder_json(s->recall_10, s->recall_10_count));
        json_object_set_new(j, "recall_10_early", ladder_json(s->recall_10_early, s->recall_10_early_count));
        json_object_set_new(j, "recall_100", ladder_json(s->recall_100, s->recall_100_count));
        json_object_set_new(j, "recall_scan", ladder_json(&s->recall_scan, s->recall_scan.ef ? 1 : 0));
    }
    return j;
}

static int segments_info(struct cli *c, const char *name)
{
    struct kith_info x;
    const struct kith_segment *list;
    size_t count;
    if (kith_segments_read(c->kith, name, &x, &list, &count) < 0)
        return cli_fail_kith(c);
    if (!c->json) {
        segments_print(list, count);
        return 0;
    }
    json_t *j = info_json(&x), *segments = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(segments, segment_json(&list[i]));
    json_object_set_new(j, "segments", segments);
    cli_print_json(j);
    return 0;
}

int command_info(struct cli *c, int argc, char **argv)
{
    const char *words[OPTIONS_WORDS_MAX];
    size_t n;
    bool segments = false;
    struct kith_info x;
    const struct option list[] = {
        {"segments", OPTION_FLAG, &segments, NULL, "lists the segments of the collection", 0, 0},
    };
    const struct options o = {
        "info", "[NAME]", "Shows the state of a collection; without a name, of the server.", list, ARRAY_LEN(list),
        0,      1};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (segments && n == 0) {
        fputs("kith info: --segments needs the NAME of a collection; see kith info --help\n", stderr);
        return EXIT_USAGE;
    }
    if (cli_connect(c))
        return 1;
    if (n == 0)
        return server_info(c);
    if (segments)
        return segments_info(c, words[0]);
    if (kith_info_read(c->kith, words[0], &x) < 0)
        return cli_fail_kith(c);
    if (c->json)
        cli_print_json(info_json(&x));
    else
        info_print(&x);
    return 0;
}
