/* metrics_admission.c -- how many requests were admitted, waited and were refused, in the
 * Prometheus text format. */
#include "actors/metrics/metrics.h"

#include <inttypes.h>

static const char *const classes[ADMISSION_CLASSES] = {
    [ADMIT_SEARCH] = "search", [ADMIT_BATCH] = "batch", [ADMIT_LOAD] = "load", [ADMIT_BACKGROUND] = "background"};
static const char *const reasons[ADMISSION_REFUSALS] = {
    [REFUSED_WAIT] = "wait", [REFUSED_COUNT] = "count", [REFUSED_MEMORY] = "memory"};

static int line(struct buffer *out, const char *name, unsigned cls, uint64_t value)
{
    return buffer_printf(out, "%s{class=\"%s\"} %" PRIu64 "\n", name, classes[cls], value);
}

static int admitted(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c)
{
    return line(out, name, cls, c->admitted);
}

static int queued(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c)
{
    return line(out, name, cls, c->queued);
}

static int waiting(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c)
{
    return line(out, name, cls, c->waiting);
}

static int refused(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < ADMISSION_REFUSALS; i++)
        rc = buffer_printf(out, "%s{class=\"%s\",reason=\"%s\"} %" PRIu64 "\n", name, classes[cls], reasons[i],
                           c->refused[i]);
    return rc;
}

static int waits(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c)
{
    uint64_t cumulative = 0;
    for (unsigned i = 0; i < ADMISSION_WAITS - 1; i++) {
        cumulative += c->waits[i];
        int rc = buffer_printf(out, "%s_bucket{class=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, classes[cls],
                               admission_wait_bounds_ms[i] / 1e3, cumulative);
        if (rc < 0)
            return rc;
    }
    cumulative += c->waits[ADMISSION_WAITS - 1];
    return buffer_printf(out,
                         "%s_bucket{class=\"%s\",le=\"+Inf\"} %" PRIu64 "\n%s_sum{class=\"%s\"} %.9f\n"
                         "%s_count{class=\"%s\"} %" PRIu64 "\n",
                         name, classes[cls], cumulative, name, classes[cls], (double)c->wait_ns / 1e9, name,
                         classes[cls], cumulative);
}

static const struct {
    const char *name, *type, *help;
    int (*lines)(struct buffer *out, const char *name, unsigned cls, const struct admission_counts *c);
} families[] = {
    {"kith_admission_admitted_total", "counter", "Requests that were let begin.", admitted},
    {"kith_admission_queued_total", "counter", "Requests that had to wait for their turn.", queued},
    {"kith_admission_waiting", "gauge", "Requests that wait for their turn.", waiting},
    {"kith_admission_refused_total", "counter", "Requests refused because the server was busy.", refused},
    {"kith_admission_wait_seconds", "histogram", "How long those waited that were let begin after all.", waits},
};

static struct admission_counts sum(const struct metrics_sample *s, unsigned n, unsigned cls)
{
    struct admission_counts all = {0};
    for (unsigned r = 0; r < n; r++) {
        const struct admission_counts *c = &s[r].counted.admission[cls];
        all.admitted += c->admitted;
        all.queued += c->queued;
        all.waiting += c->waiting;
        all.wait_ns += c->wait_ns;
        for (unsigned i = 0; i < ADMISSION_REFUSALS; i++)
            all.refused[i] += c->refused[i];
        for (unsigned i = 0; i < ADMISSION_WAITS; i++)
            all.waits[i] += c->waits[i];
    }
    return all;
}

int metrics_admission_format(const struct metrics_sample *samples, unsigned n, struct buffer *out)
{
    int rc = 0;
    for (size_t f = 0; f < ARRAY_LEN(families) && rc == 0; f++) {
        const char *name = families[f].name;
        rc = buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, families[f].help, name, families[f].type);
        for (unsigned cls = 0; cls < ADMISSION_CLASSES && rc == 0; cls++) {
            struct admission_counts all = sum(samples, n, cls);
            rc = families[f].lines(out, name, cls, &all);
        }
    }
    return rc;
}
