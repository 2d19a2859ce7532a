#include "load/load.h"

#include <stdio.h>

const char *scenario_name(enum scenario scenario)
{
    static const char *const names[] = {"search", "upsert", "mix",     "overhead", "start",  "durable",
                                        "replay", "space",  "deletes", "draining", "scaling"};
    return names[scenario];
}

void load_report_head(const struct load_options *o)
{
    if (!o->json)
        printf("%-8s  %-8s  %10s  %10s  %9s  %9s  %9s  %9s  %9s  %7s  %7s\n", "phase", "requests", "offered/s",
               "served/s", "p50 us", "p95 us", "p99 us", "p99.9 us", "max us", "recall", "errors");
}

static double percentile_us(const struct drive_count *c, double percent)
{
    return (double)histogram_percentile(&c->latency_ns, percent) / 1e3;
}

static void report_json(const struct load_options *o, const char *phase, const char *target,
                        const struct drive_count *c, double recall)
{
    char told[32] = "null";
    if (recall >= 0)
        snprintf(told, sizeof(told), "%.5f", recall);
    printf("{\"bench\":\"load\",\"scenario\":\"%s\",\"phase\":\"%s\",\"target\":\"%s\",\"offered_qps\":%.1f,\"served_"
           "qps\":%.1f,"
           "\"p50_us\":%.1f,\"p95_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"recall\":%s,\"errors\":%llu}\n",
           scenario_name(o->scenario), phase, target, c->offered_qps, c->served_qps, percentile_us(c, 50),
           percentile_us(c, 95), percentile_us(c, 99), percentile_us(c, 99.9), told, (unsigned long long)c->errors);
}

static void report_line(const char *phase, const char *target, const struct drive_count *c, double recall)
{
    char told[32] = "-";
    if (recall >= 0)
        snprintf(told, sizeof(told), "%.4f", recall);
    printf("%-8s  %-8s  %10.0f  %10.0f  %9.1f  %9.1f  %9.1f  %9.1f  %9.1f  %7s  %7llu\n", phase, target, c->offered_qps,
           c->served_qps, percentile_us(c, 50), percentile_us(c, 95), percentile_us(c, 99), percentile_us(c, 99.9),
           (double)c->latency_ns.max / 1e3, told, (unsigned long long)c->errors);
}

void load_report_phase(const struct load_options *o, const char *phase, const struct drive_plan *plan,
                       const struct drive_result *r)
{
    double recall = r->recall_wanted ? (double)r->recall_found / (double)r->recall_wanted : -1;
    const struct {
        const char *target;
        const struct drive_count *count;
        double recall;
    } lines[] = {{"search", &r->search, recall}, {"upsert", &r->upsert, -1}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (lines[i].count->offered == 0)
            continue;
        if (o->json)
            report_json(o, phase, lines[i].target, lines[i].count, lines[i].recall);
        else
            report_line(phase, lines[i].target, lines[i].count, lines[i].recall);
        if (lines[i].count->errors)
            fprintf(stderr, "load: %s: the first error: %s\n", lines[i].target, lines[i].count->error);
    }
    if (!o->json && r->points && plan->batch > 1)
        printf("%-8s  %-8s  %10s  %10.0f\n", phase, "points", "", (double)r->points / r->seconds);
    fflush(stdout);
}
