/* metrics.c -- the counts of all reactors, as text. A number that is only added up is a row of
 * the table. A new one is a row there, and its name in docs/operations.md. */
#include "actors/metrics/metrics.h"
#include "actors/metrics/metrics_text.h"

#include "shards/folder/read_only.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* -- the table -- */

enum unit { PLAIN, SECONDS };

static const struct single {
    const char *name, *type, *help;
    enum unit unit;
    /* offset of a uint64_t in struct metrics_sample; the values of all reactors are added up */
    size_t at;
} singles[] = {
#define ROW(name, type, unit, field, help)                                                                             \
    {                                                                                                                  \
        "kith_" name, type, help, unit, offsetof(struct metrics_sample, field)                                         \
    }
    ROW("queries_total", "counter", PLAIN, counted.queries, "Query vectors answered; a search may carry many."),
    ROW("recall_samples_total", "counter", PLAIN, counted.recall_samples,
        "Searches by graphs that were repeated exactly, to see what they miss."),
    ROW("recall_wanted_total", "counter", PLAIN, counted.recall_wanted, "Nearest points that those have."),
    ROW("recall_found_total", "counter", PLAIN, counted.recall_found,
        "How many of these they found; over recall_wanted_total, it is the recall."),
    ROW("points_written_total", "counter", PLAIN, counted.points_written, "Points acknowledged by upserts."),
    ROW("points_deleted_total", "counter", PLAIN, counted.points_deleted, "Points removed by deletes."),
    ROW("connections_total", "counter", PLAIN, counted.connections_total, "Connections of the native protocol so far."),
    ROW("connections", "gauge", PLAIN, counted.connections_open, "Connections of the native protocol that are open."),
    ROW("received_bytes_total", "counter", PLAIN, counted.bytes_received, "Bytes received from native clients."),
    ROW("sent_bytes_total", "counter", PLAIN, counted.bytes_sent, "Bytes sent to native clients."),
    ROW("growing_backlog_rows", "gauge", PLAIN, store.growing_backlog_rows,
        "Rows that wait to be linked into a graph."),
    ROW("writes_slowed_total", "counter", PLAIN, store.slowed_writes,
        "Parts of writes that waited because graphs were behind."),
    ROW("write_slowed_seconds_total", "counter", SECONDS, store.slowed_ns, "Time that those waited."),
    ROW("filter_selections_total", "counter", PLAIN, store.filters.selections,
        "Conditions of filters for which a column gave all rows that pass."),
    ROW("columns_damaged_total", "counter", PLAIN, store.damaged_columns,
        "Columns in files that are damaged; they are left out and built again from payloads."),
    ROW("seals_total", "counter", PLAIN, store.seals, "Segments sealed since the start."),
    ROW("seal_seconds_total", "counter", SECONDS, store.seal_ns_total,
        "Time that sealing took, from the last row to the manifest."),
    ROW("sealed_bytes_total", "counter", PLAIN, store.sealed_bytes, "Bytes of the files that sealing wrote."),
    ROW("merges_total", "counter", PLAIN, store.merges, "Merges of several segments into one."),
    ROW("compactions_total", "counter", PLAIN, store.compactions, "Rewrites of one segment without its deleted rows."),
    ROW("merges_put_off_total", "counter", PLAIN, store.memory_waits, "Merges that were put off for want of memory."),
    ROW("merge_seconds_total", "counter", SECONDS, store.merge_ns_total, "Time that merges and compactions took."),
    ROW("merged_segments_total", "counter", PLAIN, store.merged_segments,
        "Segments that merges and compactions replaced."),
    ROW("merged_rows_total", "counter", PLAIN, store.merged_rows, "Rows that merges and compactions read."),
    ROW("merged_bytes_total", "counter", PLAIN, store.merged_bytes,
        "Bytes of the files that merges and compactions wrote."),
    ROW("log_needed_bytes", "gauge", PLAIN, store.log_needed_bytes, "Bytes of the logs that a start would replay."),
    ROW("log_cut_bytes", "gauge", PLAIN, store.log_cut_bytes,
        "Bytes at the ends of the logs that the start could not believe: torn by a power cut, or damaged."),
    ROW("log_bytes_total", "counter", PLAIN, store.log_bytes, "Bytes written to the logs."),
    ROW("log_flushes_total", "counter", PLAIN, store.log_flushes, "Flushes of the logs to stable storage."),
    ROW("log_records_total", "counter", PLAIN, store.log_records, "Records written to the logs."),
    ROW("log_replayed_records_total", "counter", PLAIN, store.replayed_records, "Records replayed at the start."),
#undef ROW
};

static void value(struct metrics_text *t, const char *name, enum unit unit, uint64_t n)
{
    if (unit == SECONDS)
        PRINT(t, "%s %.9f\n", name, metrics_seconds(n));
    else
        PRINT(t, "%s %" PRIu64 "\n", name, n);
}

static void table(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    for (unsigned i = 0; i < ARRAY_LEN(singles); i++) {
        uint64_t sum = 0;
        for (unsigned r = 0; r < n; r++)
            sum += *(const uint64_t *)((const char *)&s[r] + singles[i].at);
        metrics_family(t, singles[i].name, singles[i].type, singles[i].help);
        value(t, singles[i].name, singles[i].unit, sum);
    }
}

/* -- families with labels -- */

#define SUM(s, n, field)                                                                                               \
    ({                                                                                                                 \
        uint64_t sum_ = 0;                                                                                             \
        for (unsigned r_ = 0; r_ < (n); r_++)                                                                          \
            sum_ += (s)[r_].field;                                                                                     \
        sum_;                                                                                                          \
    })

static void requests(struct metrics_text *t, const struct metrics_sample *s, unsigned n, operation_name_fn name)
{
    metrics_family(t, "kith_requests_total", "counter", "Requests received, by operation.");
    for (unsigned op = 0; op < METRICS_OPS; op++)
        if (name(op))
            PRINT(t, "kith_requests_total{op=\"%s\"} %" PRIu64 "\n", name(op), SUM(s, n, counted.requests[op]));
    metrics_family(t, "kith_errors_total", "counter", "Requests answered with an error, by its code.");
    for (unsigned code = 1; code < ERROR_CODES; code++)
        PRINT(t, "kith_errors_total{code=\"%s\"} %" PRIu64 "\n", error_code_name((enum error_code)code),
              SUM(s, n, counted.errors[code]));
    metrics_family(t, "kith_searches_fan_out_total", "counter",
                   "Searches of a server with several cores, by how many worked on them.");
    PRINT(t, "kith_searches_fan_out_total{cores=\"one\"} %" PRIu64 "\n", SUM(s, n, counted.searches_narrow));
    PRINT(t, "kith_searches_fan_out_total{cores=\"all\"} %" PRIu64 "\n", SUM(s, n, counted.searches_wide));
}

static void filters(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    metrics_family(t, "kith_filtered_searches_total", "counter", "Searches of one segment with a filter, by plan.");
    for (unsigned plan = 0; plan < PLAN_KINDS; plan++)
        PRINT(t, "kith_filtered_searches_total{plan=\"%s\"} %" PRIu64 "\n", plan_kind_name((enum plan_kind)plan),
              SUM(s, n, store.filtered[plan]));
    metrics_family(t, "kith_filter_tests_total", "counter",
                   "Conditions of filters that one row was tested for, by what was read.");
    PRINT(t, "kith_filter_tests_total{by=\"column\"} %" PRIu64 "\n", SUM(s, n, store.filters.column_tests));
    PRINT(t, "kith_filter_tests_total{by=\"payload\"} %" PRIu64 "\n", SUM(s, n, store.filters.payload_tests));
}

static void builds(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    const char *name = "kith_build_duration_seconds";
    metrics_family(t, name, "histogram", "Time to build the graph of a segment that was sealed.");
    uint64_t cumulative = 0, count = SUM(s, n, store.builds);
    for (unsigned i = 0; i < METRICS_BUILD_BUCKETS; i++) {
        cumulative += SUM(s, n, store.build_seconds_buckets[i]);
        PRINT(t, "%s_bucket{le=\"%u\"} %" PRIu64 "\n", name, 1u << i, cumulative);
    }
    PRINT(t, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n", name, count, name,
          metrics_seconds(SUM(s, n, store.build_ns_total)), name, count);
    metrics_family(t, "kith_builds_under_way", "gauge", "Segments that are sealed, merged or compacted just now.");
    for (unsigned kind = 0; kind < BUILD_KINDS; kind++) {
        unsigned going = 0;
        for (unsigned r = 0; r < n; r++)
            for (unsigned b = 0; b < s[r].build_count; b++)
                going += s[r].builds[b].kind == kind;
        PRINT(t, "kith_builds_under_way{kind=\"%s\"} %u\n", build_kind_name(kind), going);
    }
}

static void memory(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    metrics_family(t, "kith_memory_bytes", "gauge", "Memory that the server holds, by what it is for.");
    for (unsigned kind = 0; kind < MEMORY_KINDS; kind++)
        PRINT(t, "kith_memory_bytes{kind=\"%s\"} %" PRIu64 "\n", memory_kind_name(kind), SUM(s, n, memory.bytes[kind]));
    metrics_family(t, "kith_memory_mapped_bytes", "gauge",
                   "Files in the address space, whose pages the kernel may drop.");
    value(t, "kith_memory_mapped_bytes", PLAIN, SUM(s, n, memory.mapped));
    metrics_family(t, "kith_memory_budget_bytes", "gauge", "Memory that the server keeps to; 0: no bound.");
    value(t, "kith_memory_budget_bytes", PLAIN, n ? s[0].memory_budget : 0);
    unsigned pressure = 0;
    for (unsigned r = 0; r < n; r++)
        pressure = s[r].memory_pressure > pressure ? s[r].memory_pressure : pressure;
    metrics_family(
        t, "kith_memory_pressure", "gauge",
        "What is done to keep to the budget: 1 links are packed, 2 rows to score again by stay in files, 3 pools "
        "are small; 0: nothing.");
    value(t, "kith_memory_pressure", PLAIN, pressure);
}

static void reactors(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    metrics_family(t, "kith_reactor_busy_seconds_total", "counter", "Time a reactor worked.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_busy_seconds_total{reactor=\"%u\"} %.9g\n", s[r].reactor,
              metrics_seconds(s[r].stats.busy_ns));
    metrics_family(t, "kith_reactor_idle_seconds_total", "counter", "Time a reactor had nothing to do.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_idle_seconds_total{reactor=\"%u\"} %.9g\n", s[r].reactor,
              metrics_seconds(s[r].stats.idle_ns));
    static const char *const classes[CLASS_COUNT] = {"interactive", "write", "background"};
    metrics_family(t, "kith_reactor_class_seconds_total", "counter", "Time a reactor gave to each class of work.");
    for (unsigned r = 0; r < n; r++)
        for (unsigned c = 0; c < CLASS_COUNT; c++)
            PRINT(t, "kith_reactor_class_seconds_total{reactor=\"%u\",class=\"%s\"} %.9g\n", s[r].reactor, classes[c],
                  metrics_seconds(s[r].stats.class_ns[c]));
    metrics_family(t, "kith_reactor_stalls_total", "counter", "Times a fiber held its core for too long.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_stalls_total{reactor=\"%u\"} %" PRIu64 "\n", s[r].reactor, s[r].stats.stalls);
    metrics_family(t, "kith_reactor_fibers", "gauge", "Fibers alive.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_fibers{reactor=\"%u\"} %u\n", s[r].reactor, s[r].stats.fibers);
    metrics_family(t, "kith_reactor_messages_total", "counter", "Messages a reactor sent to others.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_messages_total{reactor=\"%u\"} %" PRIu64 "\n", s[r].reactor, s[r].stats.messages_sent);
}

static void read_only(struct metrics_text *t, const struct metrics_sample *s, unsigned n)
{
    static const int reasons[] = {-ENOSPC, -EIO, -EROFS};
    metrics_family(t, "kith_read_only", "gauge", "1 while nothing new is stored, by the reason; searches go on.");
    for (unsigned i = 0; i < ARRAY_LEN(reasons); i++) {
        const char *name = disk_failure_name(reasons[i]);
        bool is = false;
        for (unsigned r = 0; r < n; r++)
            is |= s[r].read_only && strcmp(disk_failure_name(s[r].read_only), name) == 0;
        PRINT(t, "kith_read_only{reason=\"%s\"} %d\n", name, is);
    }
}

int metrics_format(const struct metrics_sample *samples, unsigned n, const struct search_times *times,
                   operation_name_fn name, struct buffer *out)
{
    struct metrics_text t = {.out = out};
    metrics_searches(&t, samples, n, times);
    requests(&t, samples, n, name);
    filters(&t, samples, n);
    table(&t, samples, n);
    builds(&t, samples, n);
    memory(&t, samples, n);
    read_only(&t, samples, n);
    if (t.rc == 0)
        t.rc = metrics_admission_format(samples, n, out);
    reactors(&t, samples, n);
    metrics_family(&t, "kith_process_resident_bytes", "gauge", "Resident memory of the process.");
    value(&t, "kith_process_resident_bytes", PLAIN, process_rss_bytes());
    metrics_family(&t, "kith_process_cpu_seconds_total", "counter", "User and system time of the process.");
    value(&t, "kith_process_cpu_seconds_total", SECONDS, process_cpu_ns());
    return t.rc;
}
