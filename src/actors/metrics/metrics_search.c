/* metrics_search.c -- how long searches took, by kind, since the start and in the last minute;
 * and what the core's hardware counters say of them. */
#include "actors/metrics/metrics.h"
#include "actors/metrics/metrics_text.h"

static const char *const labels[SEARCH_KINDS] = {
    [SEARCH_EXACT] = "search=\"exact\",queries=\"one\"",
    [SEARCH_INDEX] = "search=\"index\",queries=\"one\"",
    [SEARCH_EXACT_MANY] = "search=\"exact\",queries=\"many\"",
    [SEARCH_INDEX_MANY] = "search=\"index\",queries=\"many\"",
};

void search_times_init(struct search_times *t)
{
    for (unsigned kind = 0; kind < SEARCH_KINDS; kind++) {
        histogram_init(&t->all[kind]);
        histogram_init(&t->recent[kind]);
    }
}

void search_times_add(struct search_times *sum, const struct search_times *one)
{
    for (unsigned kind = 0; kind < SEARCH_KINDS; kind++) {
        if (one->all[kind].count)
            histogram_merge(&sum->all[kind], &one->all[kind]);
        if (one->recent[kind].count)
            histogram_merge(&sum->recent[kind], &one->recent[kind]);
    }
}

static void since_start(struct metrics_text *t, const struct histogram *times)
{
    static const uint32_t bounds_us[] = {20,    50,    100,   200,    500,    1000,   2000,   5000,
                                         10000, 20000, 50000, 100000, 200000, 500000, 1000000};
    const char *name = "kith_search_duration_seconds";
    metrics_family(t, name, "histogram", "Time from a whole search request to its hits, on the server.");
    for (unsigned kind = 0; kind < SEARCH_KINDS; kind++) {
        const struct histogram *h = &times[kind];
        for (unsigned i = 0; i < ARRAY_LEN(bounds_us); i++)
            PRINT(t, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels[kind], (double)bounds_us[i] / 1e6,
                  histogram_count_at_most(h, (uint64_t)bounds_us[i] * 1000));
        PRINT(t, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels[kind], h->count);
        PRINT(t, "%s_sum{%s} %.9f\n", name, labels[kind], metrics_seconds(h->sum));
        PRINT(t, "%s_count{%s} %" PRIu64 "\n", name, labels[kind], h->count);
    }
}

/* -- the last minute: a kind without searches is left out -- */

struct figure {
    const char *name;
    double percent; /* used where `of` is NULL */
    uint64_t (*of)(const struct histogram *h);
};

static uint64_t least(const struct histogram *h)
{
    return h->min;
}

static uint64_t mean(const struct histogram *h)
{
    return h->sum / h->count;
}

static uint64_t most(const struct histogram *h)
{
    return h->max;
}

static void lately(struct metrics_text *t, const struct histogram *times)
{
    static const struct figure figures[] = {{"p50", 50, NULL},     {"p90", 90, NULL}, {"p99", 99, NULL},
                                            {"p99.9", 99.9, NULL}, {"min", 0, least}, {"mean", 0, mean},
                                            {"max", 0, most}};
    const char *name = "kith_search_recent_seconds";
    metrics_family(t, name, "gauge", "What searches of the last minute took.");
    for (unsigned kind = 0; kind < SEARCH_KINDS; kind++)
        for (unsigned i = 0; i < ARRAY_LEN(figures) && times[kind].count; i++) {
            const struct figure *f = &figures[i];
            uint64_t ns = f->of ? f->of(&times[kind]) : histogram_percentile(&times[kind], f->percent);
            PRINT(t, "%s{%s,figure=\"%s\"} %.9f\n", name, labels[kind], f->name, metrics_seconds(ns));
        }
    name = "kith_search_recent";
    metrics_family(t, name, "gauge", "Searches of the last minute.");
    for (unsigned kind = 0; kind < SEARCH_KINDS; kind++)
        PRINT(t, "%s{%s} %" PRIu64 "\n", name, labels[kind], times[kind].count);
}

/* Where the kernel allows no hardware counters, nothing is written. */
static void hardware(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    struct search_hardware sum = {0};
    for (unsigned r = 0; r < n; r++)
        search_hardware_add(&sum, &s[r].counted.hardware);
    if (sum.counters == 0)
        return;
    metrics_family(t, "kith_search_hardware_samples_total", "counter",
                   "Searches of one query on one core of which the core counted what they cost.");
    PRINT(t, "kith_search_hardware_samples_total %" PRIu64 "\n", sum.samples);
    metrics_family(t, "kith_search_hardware_total", "counter", "What the core counted in those, kernel not included.");
    for (unsigned i = 0; i < PERF_COUNTERS; i++)
        if (sum.counters & 1u << i)
            PRINT(t, "kith_search_hardware_total{counter=\"%s\"} %" PRIu64 "\n", perf_counter_name(i), sum.counts[i]);
}

void metrics_searches(struct metrics_text *t, const struct metrics_sample *s, unsigned n,
                      const struct search_times *times)
{
    since_start(t, times->all);
    lately(t, times->recent);
    hardware(t, s, n);
}
