/* The Prometheus text: buckets are cumulative, reactors are added up, every sample belongs to a family. */
#include "actors/metrics.h"
#include "actors/metrics_collections.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct metrics_sample *samples, unsigned n, struct buffer *b)
{
    cr_assert_eq(metrics_format(samples, n, b), 0);
    cr_assert_eq(buffer_append(b, "", 1), 0);
    return (const char *)b->bytes;
}

Test(metrics, durations_fall_into_cumulative_buckets_of_all_reactors)
{
    static struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    histogram_add(&s[0].counted.search[STRATEGY_HNSW], 480000);
    histogram_add(&s[0].counted.search[STRATEGY_HNSW], 520001);
    histogram_add(&s[1].counted.search[STRATEGY_HNSW], 900000000);
    histogram_add(&s[1].counted.search[STRATEGY_HNSW], 5000000000);
    struct buffer b = {0};
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.0005\"} 1\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.001\"} 2\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.5\"} 2\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"1\"} 3\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"+Inf\"} 4\n",
        "kith_search_duration_seconds_sum{index=\"hnsw\"} 5.901000001\n",
        "kith_search_duration_seconds_count{index=\"hnsw\"} 4\n",
        "kith_search_duration_seconds_count{index=\"flat\"} 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    buffer_fini(&b);
}

/* Every sample stands behind the TYPE line of its own family, and ends with a number. */
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

Test(metrics, every_sample_follows_the_help_and_type_of_its_family)
{
    static struct metrics_sample s;
    struct buffer b = {0};
    check_families(text_of(&s, 1, &b));
    buffer_fini(&b);
}

Test(metrics, segments_are_added_up_by_collection_and_state)
{
    static const struct segment_info segments[] = {
        {.state = SEGMENT_SEALED, .id = 1, .rows = 100, .deleted_rows = 7, .memory_bytes = 10, .disk_bytes = 1000},
        {.state = SEGMENT_SEALED, .id = 2, .rows = 50, .tombstones = 3, .memory_bytes = 20, .disk_bytes = 500},
        {.state = SEGMENT_GROWING, .rows = 5, .deleted_rows = 5, .memory_bytes = 64},
    };
    struct metrics_collection all[] = {{.name = "good", .points = 143}, {.name = "bad", .damaged = true}};
    for (size_t i = 0; i < ARRAY_LEN(segments); i++)
        metrics_collection_add(&all[0], &segments[i]);
    struct buffer b = {0};
    cr_assert_eq(metrics_collections_format(all, 2, &b), 0);
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
    check_families(text);
    buffer_fini(&b);
}
