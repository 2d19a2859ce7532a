#include "report.h"

#include <inttypes.h>
#include <stdio.h>

void report_add(struct report *t, const struct world_result *r)
{
    t->seeds++;
    t->failed += r->failure[0] != 0;
    t->sum.rounds += r->rounds;
    t->sum.crashes += r->crashes;
    t->sum.acknowledged += r->acknowledged;
    t->sum.refused += r->refused;
    t->sum.refused_starts += r->refused_starts;
    t->sum.restores += r->restores;
    t->sum.early += r->early;
    t->sum.storms += r->storms;
    t->sum.storm_answers += r->storm_answers;
    t->sum.wide_searches += r->wide_searches;
    t->sum.many += r->many;
    t->sum.virtual_ns += r->virtual_ns;
    t->sum.trace_events += r->trace_events;
    for (unsigned i = 0; i < WORLD_OPERATIONS; i++)
        t->sum.operations[i] += r->operations[i];
    for (unsigned i = 0; i < WORLD_FAULTS; i++)
        t->sum.faults[i] += r->faults[i];
}

static void print_counts(const char *prefix, const char *title, const char *(*name_of)(unsigned kind),
                         const uint64_t *counts)
{
    printf("%s%s\n", prefix, title);
    for (unsigned i = 0; name_of(i); i++)
        printf("%s  %-24s %12" PRIu64 "\n", prefix, name_of(i), counts[i]);
}

static void print_table(const struct report *t, const struct seed_run *runs, size_t count, const char *prefix)
{
    printf("%sseeds                      %12" PRIu64 "\n", prefix, t->seeds);
    printf("%sfailed                     %12" PRIu64 "\n", prefix, t->failed);
    printf("%sserver starts              %12" PRIu64 "\n", prefix, t->sum.rounds);
    printf("%scrashes survived           %12" PRIu64 "\n", prefix, t->sum.crashes);
    printf("%swrites acknowledged        %12" PRIu64 "\n", prefix, t->sum.acknowledged);
    printf("%srequests refused or lost   %12" PRIu64 "\n", prefix, t->sum.refused);
    printf("%sstarts refused             %12" PRIu64 "\n", prefix, t->sum.refused_starts);
    printf("%ssnapshots restored         %12" PRIu64 "\n", prefix, t->sum.restores);
    printf("%slooks during a start       %12" PRIu64 "\n", prefix, t->sum.early);
    printf("%sstorms                     %12" PRIu64 "\n", prefix, t->sum.storms);
    printf("%sanswers in storms          %12" PRIu64 "\n", prefix, t->sum.storm_answers);
    printf("%swide searches checked      %12" PRIu64 "\n", prefix, t->sum.wide_searches);
    printf("%suses of many collections   %12" PRIu64 "\n", prefix, t->sum.many);
    printf("%sevents                     %12" PRIu64 "\n", prefix, t->sum.trace_events);
    printf("%svirtual seconds            %12.1f\n", prefix, (double)t->sum.virtual_ns / 1e9);
    printf("%sseconds                    %12.1f\n", prefix, t->seconds);
    print_counts(prefix, "operations checked", world_operation_name, t->sum.operations);
    print_counts(prefix, "faults injected", world_fault_name, t->sum.faults);
    for (size_t i = 0; i < count; i++)
        if (runs[i].result.failure[0])
            printf("%sFAILED seed %" PRIu64 ": %s\n%s  see it again: tests/simulator/run --seed %" PRIu64 "\n", prefix,
                   runs[i].seed, runs[i].result.failure, prefix, runs[i].seed);
}

static void print_json_counts(const char *key, const char *(*name_of)(unsigned kind), const uint64_t *counts)
{
    printf(",\"%s\":{", key);
    for (unsigned i = 0; name_of(i); i++)
        printf("%s\"%s\":%" PRIu64, i ? "," : "", name_of(i), counts[i]);
    putchar('}');
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            putchar((unsigned char)*text < ' ' ? ' ' : *text);
    putchar('"');
}

static void print_json(const struct report *t, const struct seed_run *runs, size_t count)
{
    printf("{\"seeds\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"starts\":%" PRIu64 ",\"crashes\":%" PRIu64
           ",\"acknowledged\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"starts_refused\":%" PRIu64 ",\"events\":%" PRIu64
           ",\"virtual_seconds\":%.3f"
           ",\"seconds\":%.3f",
           t->seeds, t->failed, t->sum.rounds, t->sum.crashes, t->sum.acknowledged, t->sum.refused,
           t->sum.refused_starts, t->sum.trace_events, (double)t->sum.virtual_ns / 1e9, t->seconds);
    print_json_counts("operations", world_operation_name, t->sum.operations);
    print_json_counts("faults", world_fault_name, t->sum.faults);
    printf(",\"failures\":[");
    const char *comma = "";
    for (size_t i = 0; i < count; i++)
        if (runs[i].result.failure[0]) {
            printf("%s{\"seed\":%" PRIu64 ",\"why\":", comma, runs[i].seed);
            print_json_string(runs[i].result.failure);
            putchar('}');
            comma = ",";
        }
    puts("]}");
}

void report_print(const struct report *t, const struct seed_run *runs, size_t count, enum report_form form)
{
    if (form == REPORT_JSON)
        print_json(t, runs, count);
    else
        print_table(t, runs, count, form == REPORT_TAP ? "# " : "");
}
