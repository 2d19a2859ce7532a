/* test_metrics.c -- the Prometheus text: buckets are cumulative, reactors are added up, every
 * sample belongs to a family. */
#include "../reactor/world.h"
#include "actors/metrics/metrics.h"
#include "actors/metrics/metrics_collections.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct search_times times[2]; /* of two reactors */

static const char *operation_called(unsigned number)
{
    return number == 3 ? "paint" : NULL;
}

static const char *text_of(const struct metrics_sample *samples, unsigned n, struct buffer *b)
{
    static struct search_times sum;
    search_times_init(&sum);
    for (unsigned r = 0; r < n && r < ARRAY_LEN(times); r++)
        search_times_add(&sum, &times[r]);
    cr_assert_eq(metrics_format(samples, n, &sum, operation_called, b), 0);
    cr_assert_eq(buffer_append(b, "", 1), 0);
    return (const char *)b->bytes;
}

Test(metrics, durations_fall_into_cumulative_buckets_of_all_reactors)
{
    static struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    histogram_add(&times[0].all[SEARCH_INDEX], 480000);
    histogram_add(&times[0].all[SEARCH_INDEX], 520001);
    histogram_add(&times[1].all[SEARCH_INDEX], 900000000);
    histogram_add(&times[1].all[SEARCH_INDEX], 5000000000);
    struct buffer b = {0};
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"0.0005\"} 1\n",
        "kith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"0.001\"} 2\n",
        "kith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"0.5\"} 2\n",
        "kith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"1\"} 3\n",
        "kith_search_duration_seconds_bucket{search=\"index\",queries=\"one\",le=\"+Inf\"} 4\n",
        "kith_search_duration_seconds_sum{search=\"index\",queries=\"one\"} 5.901000001\n",
        "kith_search_duration_seconds_count{search=\"index\",queries=\"one\"} 4\n",
        "kith_search_duration_seconds_count{search=\"exact\",queries=\"one\"} 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    buffer_fini(&b);
}

Test(metrics, filters_are_counted_by_plan_and_by_what_they_read)
{
    static struct metrics_sample s[2];
    s[0].store.filtered[PLAN_WALK_THEN_TEST] = 3;
    s[1].store.filtered[PLAN_WALK_THEN_TEST] = 4;
    s[1].store.filters = (struct filter_counts){.selections = 5, .column_tests = 6, .payload_tests = 7};
    struct buffer b = {0};
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_filtered_searches_total{plan=\"scan_matches\"} 0\n",
        "kith_filtered_searches_total{plan=\"walk_then_test\"} 7\n",
        "kith_filter_selections_total 5\n",
        "kith_filter_tests_total{by=\"column\"} 6\n",
        "kith_filter_tests_total{by=\"payload\"} 7\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    buffer_fini(&b);
}

/* Checks that every sample stands behind the TYPE line of its family and ends with a number. */
static void check_families(const char *whole)
{
    char *text = strdup(whole), *save, family[128] = "";
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            cr_assert_eq(sscanf(line + 7, "%127s", family), 1);
            continue;
        }
        cr_assert(family[0] && strncmp(line, family, strlen(family)) == 0, "%s is not of family %s", line, family);
        cr_assert(strrchr(line, ' ') && strchr("0123456789", strrchr(line, ' ')[1]), "%s has no number", line);
    }
    free(text);
}

static struct recent lately[2];

Test(metrics, of_the_last_minute_there_are_quantiles_where_there_were_searches)
{
    static struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    for (unsigned i = 0; i < 1000; i++)
        recent_add(&lately[i % 2], i == 999 ? 8000000 : 63, 5000000000);
    for (unsigned r = 0; r < 2; r++)
        recent_read(&lately[r], 6000000000, &times[r].recent[SEARCH_INDEX_MANY]);
    struct buffer b = {0};
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_search_recent_seconds{search=\"index\",queries=\"many\",figure=\"p50\"} 0.000000063\n",
        "kith_search_recent_seconds{search=\"index\",queries=\"many\",figure=\"min\"} 0.000000063\n",
        "kith_search_recent_seconds{search=\"index\",queries=\"many\",figure=\"mean\"} 0.000008062\n",
        "kith_search_recent_seconds{search=\"index\",queries=\"many\",figure=\"max\"} 0.008000000\n",
        "kith_search_recent{search=\"index\",queries=\"many\"} 1000\n",
        "kith_search_recent{search=\"exact\",queries=\"one\"} 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s in %s", lines[i], text);
    cr_assert_not(strstr(text, "kith_search_recent_seconds{search=\"exact\""));
    buffer_fini(&b);
}

Test(metrics, what_cores_do_not_count_is_left_out)
{
    static struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    struct buffer b = {0};
    cr_assert_not(strstr(text_of(s, 2, &b), "hardware"));
    buffer_fini(&b);
    s[1].counted.hardware = (struct search_hardware){
        .samples = 5, .counters = 1u << PERF_CYCLES, .counts = {[PERF_CYCLES] = 500, [PERF_CACHE_MISSES] = 3}};
    const char *text = text_of(s, 2, &b);
    cr_assert(strstr(text, "kith_search_hardware_samples_total 5\n"));
    cr_assert(strstr(text, "kith_search_hardware_total{counter=\"cycles\"} 500\n"));
    cr_assert_not(strstr(text, "cache_misses"));
    buffer_fini(&b);
}

Test(metrics, memory_and_what_is_built_are_told_by_kind)
{
    static struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    struct buffer b = {0};
    s[0].memory.bytes[MEMORY_CODES] = 100;
    s[1].memory.bytes[MEMORY_CODES] = 11;
    s[0].memory_budget = 1 << 30;
    s[1].build_count = 1;
    s[1].builds[0].kind = BUILD_MERGE;
    s[0].store.slowed_ns = 1500000000;
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_memory_bytes{kind=\"codes\"} 111\n",       "kith_memory_budget_bytes 1073741824\n",
        "kith_builds_under_way{kind=\"merge\"} 1\n",     "kith_builds_under_way{kind=\"seal\"} 0\n",
        "kith_write_slowed_seconds_total 1.500000000\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    buffer_fini(&b);
}

Test(metrics, every_sample_follows_the_help_and_type_of_its_family)
{
    static struct metrics_sample s;
    struct buffer b = {0};
    check_families(text_of(&s, 1, &b));
    buffer_fini(&b);
}

static void print_sums(void *arg)
{
    const struct metrics_collection all[] = {
        {.name = "good",
         .there = true,
         .points = 143,
         .by_state = {[SEGMENT_SEALED] = {.segments = 2,
                                          .rows = 150,
                                          .deleted_rows = 7,
                                          .tombstones = 3,
                                          .memory_bytes = 30,
                                          .disk_bytes = 1500},
                      [SEGMENT_GROWING] = {.segments = 1, .rows = 5, .deleted_rows = 5, .memory_bytes = 64}}},
        {.name = "bad", .there = true, .damaged = true},
        {.name = "dropped", .points = 7}};
    struct buffer b = {0};
    cr_assert_eq(metrics_collections_format(all, 3, &b), 0);
    cr_assert_eq(buffer_append(&b, "", 1), 0);
    const char *text = (const char *)b.bytes;
    static const char *const lines[] = {
        "kith_points{collection=\"good\"} 143\n",
        "kith_collection_damaged{collection=\"good\"} 0\n",
        "kith_collection_damaged{collection=\"bad\"} 1\n",
        "kith_segments{collection=\"good\",state=\"sealed\"} 2\n",
        "kith_segments{collection=\"good\",state=\"frozen\"} 0\n",
        "kith_segment_rows{collection=\"good\",state=\"sealed\"} 150\n",
        "kith_segment_live_rows{collection=\"good\",state=\"sealed\"} 143\n",
        "kith_segment_live_rows{collection=\"good\",state=\"growing\"} 0\n",
        "kith_segment_deleted_rows{collection=\"good\",state=\"growing\"} 5\n",
        "kith_segment_tombstones{collection=\"good\",state=\"sealed\"} 3\n",
        "kith_segment_memory_bytes{collection=\"good\",state=\"sealed\"} 30\n",
        "kith_segment_disk_bytes{collection=\"good\",state=\"sealed\"} 1500\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    cr_assert_not(strstr(text, "kith_points{collection=\"bad\""));
    cr_assert_not(strstr(text, "dropped\""));
    check_families(text);
    buffer_fini(&b);
}

/* In a fiber, because the text of many collections pauses. */
Test(metrics, segments_are_told_by_collection_and_state)
{
    world_run_well(BACKEND_SIM, 1, print_sums, NULL);
}
