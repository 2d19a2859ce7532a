/* Tests what `kith top` prints of one moment: a table, and JSON with the same numbers. */
#include "cli/top/top.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

static struct top_core cores[2] = {
    {.busy = 0.5, .interactive = 0.3, .write = 0.1, .background = 0.1, .searches = 1234.4, .queue = 3, .stalls = 1},
    {.busy = 0.25, .interactive = 0.25, .times = {310000, 400000, 1200000, 15000000}, .backlog_rows = 20000},
};

static struct top t = {
    .seconds = 1,
    .uptime_ns = 90000000000,
    .resident_bytes = 1 << 20,
    .cpu = 0.75,
    .core_count = 2,
    .cores = cores,
    .all = {.busy = 0.75, .searches = 1234.4, .waiting = 4, .refused = 2.5, .slowed = 1.25},
    .minute = {300000, 0, 2000000, 0},
    .memory_sum = 6 << 20,
    .memory_mapped = 3 << 20,
    .memory_budget = 8 << 20,
    .memory_pressure = 1,
    .memory_count = 3,
    .memory = {{"codes", 4 << 20}, {"rows", 2 << 20}, {"log", 0}},
    .build_count = 2,
    .builds = {{.core = 1,
                .collection = "towns",
                .kind = "merge",
                .phase = "graph",
                .rows = 200000,
                .rows_done = 100000,
                .left_ns = 12000000000},
               {.collection = "rivers", .kind = "seal", .phase = "writing", .rows = 5, .rows_done = 5}},
    .collection_count = 1,
    .collections = {{.name = "towns", .points = 7}}};

static void expect(const char *text, const char *part)
{
    cr_assert(strstr(text, part), "no '%s' in\n%s", part, text);
}

Test(top, prints_what_a_reader_looks_for, .init = cr_redirect_stdout)
{
    static char text[8192];
    top_print(&t, "kithd 0.1.0");
    FILE *f = cr_get_redirected_stdout();
    size_t n = 0;
    for (int c; n < sizeof(text) - 1 && (c = fgetc(f)) != EOF;)
        text[n++] = (char)c;
    expect(text, "kithd 0.1.0, up 90 s, 0.75 cores' time, 1.0 MiB resident\n");
    expect(text, "30 / 10 / 10 %       1 234");
    expect(text, "310 us  1.2 ms  15 ms");
    expect(text, "all  38 %");
    expect(text, "last minute: p50 300 us, p90 -, p99 2.0 ms, p99.9 -\n");
    expect(text, "requests waiting 4, refused 2.5/s; writers slowed 1.2\n");
    expect(text, "memory 6.0 MiB of 8.0 MiB (75 %): codes 4.0 MiB, rows 2.0 MiB; mapped 3.0 MiB; links are packed\n");
    expect(text, "core 1: merge of towns, graph, 45 % of 200 000 rows, 12 s left\n");
    expect(text, "core 0: seal of rivers, writing, 95 % of 5 rows\n");
    cr_assert_not(strstr(text, "read-only"));
}

Test(top, json_has_the_same_figures)
{
    json_t *j = top_json(&t), *build;
    cr_assert(j);
    cr_assert_eq(json_array_size(json_object_get(j, "cores")), 2);
    json_t *all = json_object_get(j, "all"), *memory = json_object_get(j, "memory");
    cr_assert_eq(json_integer_value(json_object_get(all, "waiting")), 4);
    cr_assert_float_eq(json_real_value(json_object_get(all, "refused_per_s")), 2.5, 1e-9);
    cr_assert_eq(json_integer_value(json_object_get(memory, "budget_bytes")), 8 << 20);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(memory, "kinds"), "rows")), 2 << 20);
    build = json_array_get(json_object_get(j, "builds"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(build, "kind")), "merge");
    cr_assert_float_eq(json_real_value(json_object_get(build, "share")), 0.45, 1e-9);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(j, "last_minute"), "p99_ns")), 2000000);
    json_decref(j);
}

Test(top, a_build_goes_forward_through_its_phases)
{
    static const char *const phases[] = {"reading", "columns", "graph", "codes", "writing", "taking over"};
    double before = -1;
    for (size_t i = 0; i < 6; i++) {
        struct top_build b = {.rows = 10, .rows_done = i > 2 ? 10 : i == 2 ? 5 : 0};
        snprintf(b.phase, sizeof(b.phase), "%s", phases[i]);
        double share = top_build_share(&b);
        cr_assert(share >= before && share <= 1, "%s", phases[i]);
        before = share;
    }
    cr_assert_eq(before, 1);
}
