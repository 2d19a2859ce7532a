/* The Prometheus text: buckets are cumulative, reactors are added up, every sample belongs to a family. */
#include "actors/metrics.h"

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
    struct metrics_sample s[2] = {{.reactor = 0}, {.reactor = 1}};
    metrics_search(&s[0].counted, STRATEGY_HNSW, 500000);
    metrics_search(&s[0].counted, STRATEGY_HNSW, 500001);
    metrics_search(&s[1].counted, STRATEGY_HNSW, 1024000000);
    metrics_search(&s[1].counted, STRATEGY_HNSW, 5000000000);
    struct buffer b = {0};
    const char *text = text_of(s, 2, &b);
    static const char *const lines[] = {
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.0005\"} 1\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.001\"} 2\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"0.512\"} 2\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"1.024\"} 3\n",
        "kith_search_duration_seconds_bucket{index=\"hnsw\",le=\"+Inf\"} 4\n",
        "kith_search_duration_seconds_sum{index=\"hnsw\"} 6.025000001\n",
        "kith_search_duration_seconds_count{index=\"hnsw\"} 4\n",
        "kith_search_duration_seconds_count{index=\"flat\"} 0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert(strstr(text, lines[i]), "no %s", lines[i]);
    buffer_fini(&b);
}

Test(metrics, every_sample_follows_the_help_and_type_of_its_family)
{
    struct metrics_sample s = {0};
    struct buffer b = {0};
    char *text = strdup(text_of(&s, 1, &b)), *save, family[128] = "";
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
    buffer_fini(&b);
}
