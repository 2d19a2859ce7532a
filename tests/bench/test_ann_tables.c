/* Tests the tables: the best of each engine at each recall, as a multiple of the best of the peers
 * at the same recall. */
#include "ann/ann.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct result_point kith[] = {
    {.ef = 32, .refine_k = 2, .interleave = 1, .recall = 0.96, .qps = 12345, .p99_us = 50},
    {.ef = 32, .refine_k = 2, .interleave = 2, .recall = 0.96, .qps = 15000}};
static struct result_point hnswlib[] = {{.ef = 64, .interleave = 1, .recall = 0.991, .qps = 5000, .p99_us = 200}};

static char *table_of(void (*write)(const struct result *, FILE *))
{
    static struct result r = {.data = "set", .metric = "l2", .rows = 7, .dim = 2, .k = 10, .engine_count = 2};
    r.engines[0] = (struct result_engine){.name = "kith:sq4", .points = kith, .point_count = 2};
    r.engines[1] = (struct result_engine){.name = "hnswlib", .points = hnswlib, .point_count = 1};
    static char *text; /* static: GCC 12 does not see that fclose() sets it */
    static size_t size;
    FILE *f = open_memstream(&text, &size);
    write(&r, f);
    fclose(f);
    return text;
}

Test(ann_tables, markdown_has_the_multiple_where_both_reach_the_recall)
{
    char *text = table_of(ann_markdown_write);
    cr_assert(strstr(text, "| kith:sq4 | 12 345 (2.47, -) | 12 345 (2.47, -) |  |  |  |"), "%s", text);
    cr_assert(strstr(text, "| hnswlib | 5 000 (1.00, -) | 5 000 (1.00, -) | 5 000 (1.00, -) |  |  |"), "%s", text);
    cr_assert(strstr(text, " 0 / 50 (0.25) |"), "%s", text);
    cr_assert(strstr(text, "| kith:sq4 | 32 (2) | 32 (2) | | | |"), "%s", text);
    free(text);
}

Test(ann_tables, text_says_what_is_not_reached_and_what_several_queries_at_once_give)
{
    char *text = table_of(ann_table_write);
    const char *at = strstr(text, "recall 0.990");
    cr_assert(at && strstr(at, "kith:sq4  not reached"), "%s", text);
    at = strstr(text, "at once");
    cr_assert(at && strstr(at, "1.22"), "%s", text);
    free(text);
}
