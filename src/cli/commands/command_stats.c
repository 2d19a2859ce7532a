/* command_stats.c -- stats: durations of searches by kind, since the start and in the last minute;
 * hardware counters; memory by purpose. */
#include "base/histogram.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/top/top.h"

#include <stdio.h>
#include <string.h>

#define KINDS 4

/* Searches of one kind, on all cores. */
struct kind {
    struct histogram times; /* only its buckets are used; the fields below are exact */
    uint64_t count, sum_ns, min_ns, max_ns;
};

static const char *const names[KINDS] = {"graph", "exact", "graph, many queries", "exact, many queries"};

static void kind_add(struct kind all[KINDS], const struct kith_search_times *x)
{
    struct kind *k = &all[2 * x->many + x->exact];
    uint64_t before = k->times.count;
    for (size_t i = 0; i < x->count; i++)
        histogram_add_many(&k->times, x->at_most_ns[i], x->counts[i]);
    uint64_t added = k->times.count - before;
    if (added == 0)
        return;
    k->min_ns = k->count == 0 || x->min_ns < k->min_ns ? x->min_ns : k->min_ns;
    k->max_ns = x->max_ns > k->max_ns ? x->max_ns : k->max_ns;
    k->sum_ns += x->sum_ns;
    k->count += added;
}

static void kinds_read(const struct kith_stats *s, struct kind since[KINDS], struct kind recent[KINDS])
{
    for (size_t i = 0; i < KINDS; i++) {
        histogram_init(&since[i].times);
        histogram_init(&recent[i].times);
    }
    for (size_t r = 0; r < s->reactor_count; r++) {
        for (size_t i = 0; i < s->reactors[r].search_count; i++)
            kind_add(since, &s->reactors[r].searches[i]);
        for (size_t i = 0; i < s->reactors[r].recent_count; i++)
            kind_add(recent, &s->reactors[r].recent[i]);
    }
}

/* The percentile, at most the largest value, since the end of a bucket may lie above it. */
static uint64_t percentile(const struct kind *k, double percent)
{
    uint64_t ns = histogram_percentile(&k->times, percent);
    return ns < k->max_ns ? ns : k->max_ns;
}

static void kinds_print(struct table *t, const char *when, const struct kind all[KINDS])
{
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &all[i];
        if (k->count == 0)
            continue;
        table_cell(t, "%s", names[i]);
        table_cell(t, "%s", when);
        table_cell(t, "%s", number_text(k->count));
        table_cell(t, "%s", top_time_text(k->min_ns));
        table_cell(t, "%s", top_time_text(k->sum_ns / k->count));
        table_cell(t, "%s", top_time_text(percentile(k, 50)));
        table_cell(t, "%s", top_time_text(percentile(k, 90)));
        table_cell(t, "%s", top_time_text(percentile(k, 99)));
        table_cell(t, "%s", top_time_text(percentile(k, 99.9)));
        table_cell(t, "%s", top_time_text(k->max_ns));
    }
}

static json_t *kinds_json(const struct kind all[KINDS])
{
    json_t *object = json_object();
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &all[i];
        if (k->count == 0)
            continue;
        json_object_set_new(object, names[i],
                            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)k->count,
                                      "min_ns", (json_int_t)k->min_ns, "mean_ns", (json_int_t)(k->sum_ns / k->count),
                                      "p50_ns", (json_int_t)percentile(k, 50), "p90_ns", (json_int_t)percentile(k, 90),
                                      "p99_ns", (json_int_t)percentile(k, 99), "p999_ns",
                                      (json_int_t)percentile(k, 99.9), "max_ns", (json_int_t)k->max_ns));
    }
    return object;
}

/* -- hardware counters: an empty object, and no line, where they are not available -- */

struct hardware {
    uint64_t samples;
    struct kith_counter sums[8];
    size_t count;
};

static void hardware_read(const struct kith_stats *s, struct hardware *h)
{
    *h = (struct hardware){0};
    for (size_t r = 0; r < s->reactor_count; r++) {
        const struct kith_reactor_stats *x = &s->reactors[r];
        h->samples += x->hardware_samples;
        for (size_t i = 0; i < x->hardware_count; i++) {
            size_t at = 0;
            while (at < h->count && strcmp(h->sums[at].name, x->hardware[i].name) != 0)
                at++;
            if (at == ARRAY_LEN(h->sums))
                continue;
            if (at == h->count)
                h->sums[h->count++] = (struct kith_counter){.name = x->hardware[i].name};
            h->sums[at].count += x->hardware[i].count;
        }
    }
}

static void hardware_print(const struct hardware *h)
{
    if (h->samples == 0)
        return;
    printf("a query on a core, by hardware counters (%s samples):", number_text(h->samples));
    for (size_t i = 0; i < h->count; i++)
        printf("%s %s %s", i ? "," : "", number_text(h->sums[i].count / h->samples), h->sums[i].name);
    putchar('\n');
}

static json_t *hardware_json(const struct hardware *h)
{
    json_t *object = json_object();
    if (h->samples)
        json_object_set_new(object, "samples", json_integer((json_int_t)h->samples));
    for (size_t i = 0; i < h->count && h->samples; i++)
        json_object_set_new(object, h->sums[i].name, json_real((double)h->sums[i].count / (double)h->samples));
    return object;
}

/* -- memory -- */

static void memory_print(const struct kith_stats *s)
{
    struct table t;
    table_init(&t, "memory|>bytes", 2);
    uint64_t sum = 0;
    for (size_t i = 0; i < s->memory_count; i++) {
        sum += s->memory[i].count;
        if (s->memory[i].count == 0)
            continue;
        table_cell(&t, "%s", s->memory[i].name);
        table_cell(&t, "%s", bytes_text(s->memory[i].count));
    }
    table_cell(&t, "all");
    table_cell(&t, "%s", bytes_text(sum));
    table_cell(&t, "budget");
    table_cell(&t, "%s", s->memory_budget ? bytes_text(s->memory_budget) : "none");
    table_cell(&t, "files mapped");
    table_cell(&t, "%s", bytes_text(s->memory_mapped));
    table_print(&t);
}

static json_t *memory_json(const struct kith_stats *s)
{
    json_t *object = json_object();
    for (size_t i = 0; i < s->memory_count; i++)
        json_object_set_new(object, s->memory[i].name, json_integer((json_int_t)s->memory[i].count));
    return json_pack("{s:o, s:I, s:I}", "kinds", object, "budget_bytes", (json_int_t)s->memory_budget, "mapped_bytes",
                     (json_int_t)s->memory_mapped);
}

int command_stats(struct cli *c, int argc, char **argv)
{
    static struct kind since[KINDS], recent[KINDS];
    const char *words[OPTIONS_WORDS_MAX];
    struct kith_stats s;
    struct hardware h;
    size_t n;
    const struct options o = {"stats",
                              "",
                              "Shows the durations of searches by kind, since the server's start and in the last "
                              "minute, and the memory of the server.",
                              NULL,
                              0,
                              0,
                              0};
    int status = options_parse(&o, argc, argv, words, &n);
    if (status >= 0)
        return status;
    if (cli_connect(c))
        return 1;
    if (kith_stats_read(c->kith, &s) < 0)
        return cli_fail_kith(c);
    kinds_read(&s, since, recent);
    hardware_read(&s, &h);
    if (c->json) {
        cli_print_json(json_pack("{s:f, s:o, s:o, s:o, s:o}", "uptime_s", (double)s.uptime_ns / 1e9, "searches",
                                 kinds_json(since), "recent", kinds_json(recent), "hardware", hardware_json(&h),
                                 "memory", memory_json(&s)));
        return 0;
    }
    uint64_t all = 0;
    for (size_t i = 0; i < KINDS; i++)
        all += since[i].count;
    if (all == 0)
        puts("no searches since the start");
    struct table t;
    table_init(&t, all == 0 ? NULL : "searches|when|>count|>min|>mean|>p50|>p90|>p99|>p99.9|>max", 10);
    kinds_print(&t, "since start", since);
    kinds_print(&t, "last minute", recent);
    table_print(&t);
    hardware_print(&h);
    memory_print(&s);
    return 0;
}
