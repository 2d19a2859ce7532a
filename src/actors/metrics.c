/* metrics.c -- the Prometheus text format, version 0.0.4: a HELP and a TYPE line a family, then its samples. */
#include "actors/metrics.h"

#include "shards/read_only.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *const op_names[METRICS_OPS] = {
    [1] = "hello",
    [2] = "ping",
    [3] = "create",
    [4] = "drop",
    [5] = "list",
    [6] = "info",
    [7] = "upsert",
    [8] = "delete",
    [9] = "get",
    [10] = "count",
    [11] = "search",
    [12] = "cancel",
    [13] = "seal",
    [14] = "compact",
    [15] = "verify",
    [16] = "snapshot_create",
    [17] = "snapshot_list",
    [18] = "snapshot_verify",
    [19] = "snapshot_restore",
    [20] = "snapshot_delete",
    [21] = "stats",
    [22] = "config_get",
    [23] = "config_set",
};

/* Errors of the buffer stick: checked once at the end. */
struct text {
    struct buffer *out;
    int rc;
};

#define PRINT(t, ...)                                                                                                  \
    do {                                                                                                               \
        if ((t)->rc == 0)                                                                                              \
            (t)->rc = buffer_printf((t)->out, __VA_ARGS__);                                                            \
    } while (0)

static void family(struct text *t, const char *name, const char *type, const char *help)
{
    PRINT(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void histogram_line(struct text *t, const char *name, const char *labels, double bound, uint64_t cumulative)
{
    PRINT(t, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, labels[0] ? "," : "", bound, cumulative);
}

static void searches(struct text *t, const struct metrics_sample *s, unsigned n)
{
    static const char *const labels[STRATEGY_COUNT] = {"index=\"flat\"", "index=\"hnsw\""};
    static const uint32_t bounds_us[] = {20,    50,    100,   200,    500,    1000,   2000,   5000,
                                         10000, 20000, 50000, 100000, 200000, 500000, 1000000};
    const char *name = "kith_search_duration_seconds";
    family(t, name, "histogram", "Time from a whole search request to its hits, on the server.");
    for (unsigned strategy = 0; strategy < STRATEGY_COUNT; strategy++) {
        uint64_t count = 0, sum_ns = 0;
        for (unsigned i = 0; i < ARRAY_LEN(bounds_us); i++) {
            uint64_t cumulative = 0;
            for (unsigned r = 0; r < n; r++)
                cumulative += histogram_count_at_most(&s[r].counted.search[strategy], (uint64_t)bounds_us[i] * 1000);
            histogram_line(t, name, labels[strategy], (double)bounds_us[i] / 1e6, cumulative);
        }
        for (unsigned r = 0; r < n; r++) {
            count += s[r].counted.search[strategy].count;
            sum_ns += s[r].counted.search[strategy].sum;
        }
        PRINT(t, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels[strategy], count);
        PRINT(t, "%s_sum{%s} %.9f\n", name, labels[strategy], seconds(sum_ns));
        PRINT(t, "%s_count{%s} %" PRIu64 "\n", name, labels[strategy], count);
    }
}

static void builds(struct text *t, const struct metrics_sample *s, unsigned n)
{
    const char *name = "kith_build_duration_seconds";
    family(t, name, "histogram", "Time to build the graph of a segment that was sealed.");
    uint64_t cumulative = 0, count = 0, sum_ns = 0;
    for (unsigned r = 0; r < n; r++) {
        count += s[r].store.builds;
        sum_ns += s[r].store.build_ns_total;
    }
    for (unsigned i = 0; i < METRICS_BUILD_BUCKETS; i++) {
        for (unsigned r = 0; r < n; r++)
            cumulative += s[r].store.build_seconds_buckets[i];
        histogram_line(t, name, "", (double)(1u << i), cumulative);
    }
    PRINT(t, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n", name, count, name,
          seconds(sum_ns), name, count);
}

#define SUM(s, n, field)                                                                                               \
    ({                                                                                                                 \
        uint64_t sum_ = 0;                                                                                             \
        for (unsigned r_ = 0; r_ < (n); r_++)                                                                          \
            sum_ += (s)[r_].field;                                                                                     \
        sum_;                                                                                                          \
    })

static void single(struct text *t, const char *name, const char *type, const char *help, uint64_t value)
{
    family(t, name, type, help);
    PRINT(t, "%s %" PRIu64 "\n", name, value);
}

static void in_seconds(struct text *t, const char *name, const char *help, uint64_t ns)
{
    family(t, name, "counter", help);
    PRINT(t, "%s %.9f\n", name, seconds(ns));
}

static void requests(struct text *t, const struct metrics_sample *s, unsigned n)
{
    family(t, "kith_requests_total", "counter", "Requests received, by operation.");
    for (unsigned op = 0; op < METRICS_OPS; op++)
        if (op_names[op])
            PRINT(t, "kith_requests_total{op=\"%s\"} %" PRIu64 "\n", op_names[op], SUM(s, n, counted.requests[op]));
    family(t, "kith_errors_total", "counter", "Requests answered with an error, by its code.");
    for (unsigned code = 1; code <= ERROR_INTERNAL; code++)
        PRINT(t, "kith_errors_total{code=\"%s\"} %" PRIu64 "\n", error_code_name((enum error_code)code),
              SUM(s, n, counted.errors[code]));
    single(t, "kith_queries_total", "counter", "Query vectors answered; a search may carry many.",
           SUM(s, n, counted.queries));
    family(t, "kith_searches_spread_total", "counter",
           "Searches of a server with several cores, by how many worked on them.");
    PRINT(t, "kith_searches_spread_total{cores=\"one\"} %" PRIu64 "\n", SUM(s, n, counted.searches_narrow));
    PRINT(t, "kith_searches_spread_total{cores=\"all\"} %" PRIu64 "\n", SUM(s, n, counted.searches_wide));
    single(t, "kith_points_written_total", "counter", "Points acknowledged by upserts.",
           SUM(s, n, counted.points_written));
    single(t, "kith_points_deleted_total", "counter", "Points removed by deletes.", SUM(s, n, counted.points_deleted));
    single(t, "kith_connections_total", "counter", "Connections of the native protocol so far.",
           SUM(s, n, counted.connections_total));
    single(t, "kith_connections", "gauge", "Connections of the native protocol that are open.",
           SUM(s, n, counted.connections_open));
    single(t, "kith_received_bytes_total", "counter", "Bytes received from native clients.",
           SUM(s, n, counted.bytes_received));
    single(t, "kith_sent_bytes_total", "counter", "Bytes sent to native clients.", SUM(s, n, counted.bytes_sent));
}

static void segments(struct text *t, const struct metrics_sample *s, unsigned n)
{
    single(t, "kith_growing_backlog_rows", "gauge", "Rows that wait to be linked into a graph.",
           SUM(s, n, store.growing_backlog_rows));
    single(t, "kith_seals_total", "counter", "Segments sealed since the start.", SUM(s, n, store.seals));
    in_seconds(t, "kith_seal_seconds_total", "Time that sealing took, from the last row to the manifest.",
               SUM(s, n, store.seal_ns_total));
    single(t, "kith_sealed_bytes_total", "counter", "Bytes of the files that sealing wrote.",
           SUM(s, n, store.sealed_bytes));
    single(t, "kith_merges_total", "counter", "Merges of several segments into one.", SUM(s, n, store.merges));
    single(t, "kith_compactions_total", "counter", "Rewrites of one segment without its deleted rows.",
           SUM(s, n, store.compactions));
    in_seconds(t, "kith_merge_seconds_total", "Time that merges and compactions took.",
               SUM(s, n, store.merge_ns_total));
    single(t, "kith_merged_segments_total", "counter", "Segments that merges and compactions replaced.",
           SUM(s, n, store.merged_segments));
    single(t, "kith_merged_rows_total", "counter", "Rows that merges and compactions read.",
           SUM(s, n, store.merged_rows));
    single(t, "kith_merged_bytes_total", "counter", "Bytes of the files that merges and compactions wrote.",
           SUM(s, n, store.merged_bytes));
    single(t, "kith_log_needed_bytes", "gauge", "Bytes of the logs that a start would replay.",
           SUM(s, n, store.log_needed_bytes));
    single(t, "kith_log_bytes_total", "counter", "Bytes written to the logs.", SUM(s, n, store.log_bytes));
    single(t, "kith_log_flushes_total", "counter", "Flushes of the logs to stable storage.",
           SUM(s, n, store.log_flushes));
    single(t, "kith_log_records_total", "counter", "Records written to the logs.", SUM(s, n, store.log_records));
    single(t, "kith_log_replayed_records_total", "counter", "Records replayed at the start.",
           SUM(s, n, store.replayed_records));
}

static void reactors(struct text *t, const struct metrics_sample *s, unsigned n)
{
    family(t, "kith_reactor_busy_seconds_total", "counter", "Time a reactor worked.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_busy_seconds_total{reactor=\"%u\"} %.9g\n", s[r].reactor, seconds(s[r].stats.busy_ns));
    family(t, "kith_reactor_idle_seconds_total", "counter", "Time a reactor had nothing to do.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_idle_seconds_total{reactor=\"%u\"} %.9g\n", s[r].reactor, seconds(s[r].stats.idle_ns));
    static const char *const classes[CLASS_COUNT] = {"interactive", "write", "background"};
    family(t, "kith_reactor_class_seconds_total", "counter", "Time a reactor gave to each class of work.");
    for (unsigned r = 0; r < n; r++)
        for (unsigned c = 0; c < CLASS_COUNT; c++)
            PRINT(t, "kith_reactor_class_seconds_total{reactor=\"%u\",class=\"%s\"} %.9g\n", s[r].reactor, classes[c],
                  seconds(s[r].stats.class_ns[c]));
    family(t, "kith_reactor_stalls_total", "counter", "Times a fiber held its core for too long.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_stalls_total{reactor=\"%u\"} %" PRIu64 "\n", s[r].reactor, s[r].stats.stalls);
    family(t, "kith_reactor_fibers", "gauge", "Fibers alive.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_fibers{reactor=\"%u\"} %u\n", s[r].reactor, s[r].stats.fibers);
    family(t, "kith_reactor_messages_total", "counter", "Messages a reactor sent to others.");
    for (unsigned r = 0; r < n; r++)
        PRINT(t, "kith_reactor_messages_total{reactor=\"%u\"} %" PRIu64 "\n", s[r].reactor, s[r].stats.messages_sent);
}

static void read_only(struct text *t, const struct metrics_sample *s, unsigned n)
{
    static const int reasons[] = {-ENOSPC, -EIO, -EROFS};
    family(t, "kith_read_only", "gauge", "1 while nothing new is stored, by the reason; searches go on.");
    for (unsigned i = 0; i < ARRAY_LEN(reasons); i++) {
        const char *name = disk_failure_name(reasons[i]);
        bool is = false;
        for (unsigned r = 0; r < n; r++)
            is |= s[r].read_only && strcmp(disk_failure_name(s[r].read_only), name) == 0;
        PRINT(t, "kith_read_only{reason=\"%s\"} %d\n", name, is);
    }
}

int metrics_format(const struct metrics_sample *samples, unsigned n, struct buffer *out)
{
    struct text t = {.out = out};
    searches(&t, samples, n);
    builds(&t, samples, n);
    requests(&t, samples, n);
    segments(&t, samples, n);
    read_only(&t, samples, n);
    if (t.rc == 0)
        t.rc = metrics_admission_format(samples, n, out);
    reactors(&t, samples, n);
    single(&t, "kith_process_resident_bytes", "gauge", "Resident memory of the process.", process_rss_bytes());
    family(&t, "kith_process_cpu_seconds_total", "counter", "User and system time of the process.");
    PRINT(&t, "kith_process_cpu_seconds_total %.9g\n", seconds(process_cpu_ns()));
    return t.rc;
}
