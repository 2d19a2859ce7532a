/* metrics.h -- what a reactor counts about itself, and the Prometheus text made of the
 * counts of all reactors.
 *
 * Counting is plain additions by the reactor's own fibers. A reader asks every reactor
 * for a sample by message and adds them up, so requests share nothing.
 * docs/operations.md lists the names. */
#pragma once

#include "actors/admission/admission.h"
#include "actors/metrics/search_hardware.h"
#include "base/error.h"
#include "base/histogram.h"
#include "base/memory.h"
#include "base/memory_use.h"
#include "base/recent.h"
#include "reactor/runtime.h"
#include "shards/store.h"

#define METRICS_BUILD_BUCKETS 10 /* bucket i: at most 2^i seconds */
#define METRICS_OPS           32

/* Kinds of searches, each with its own times: exact or by the index, with one query or many. */
enum search_kind { SEARCH_EXACT, SEARCH_INDEX, SEARCH_EXACT_MANY, SEARCH_INDEX_MANY, SEARCH_KINDS };

struct metrics {
    struct search_hardware hardware;
    uint64_t requests[METRICS_OPS];               /* by operation; the front knows the names */
    uint64_t errors[ERROR_CODES];                 /* answers by error code */
    uint64_t connections_total, connections_open; /* of the native protocol */
    uint64_t bytes_received, bytes_sent;
    uint64_t points_written, points_deleted, queries;
    uint64_t recall_samples, recall_wanted,
        /* searches that were repeated exactly, the nearest points of those, and how many of them
         * were found (recall_watch.h) */
        recall_found;
    /* how many went to one core and how many to all, on a server with several cores */
    uint64_t searches_narrow, searches_wide;
    struct admission_counts admission[ADMISSION_CLASSES];
};

/* One reactor's counts at one moment. */
struct metrics_sample {
    unsigned reactor;
    struct metrics counted;
    struct reactor_stats stats;
    struct store_stats store;
    struct build_info builds[STORE_BUILDS_MAX]; /* under way */
    unsigned build_count;
    struct memory_use memory;
    unsigned memory_pressure; /* how scarce memory is: 0 to PRESSURE_LEVELS - 1 (budget.h) */
    uint64_t memory_budget;   /* budget_bytes() of the whole server */
    int read_only;            /* errno of the disk; 0: the store takes writes */
};

/* How long searches took, in ns from the whole request to its hits. About 120 KiB, so a reader
 * holds those of one core at a time. */
struct search_times {
    /* since the start, and in the last minute */
    struct histogram all[SEARCH_KINDS], recent[SEARCH_KINDS];
};
void search_times_init(struct search_times *t);
void search_times_add(struct search_times *sum, const struct search_times *one);

/* Appends the metrics of the admission (metrics_admission.c). -ENOMEM. */
MUST_USE int metrics_admission_format(const struct metrics_sample *samples, unsigned n, struct buffer *out);

static inline enum search_kind search_kind_of(bool exact, uint32_t queries)
{
    return queries > 1 ? (exact ? SEARCH_EXACT_MANY : SEARCH_INDEX_MANY) : exact ? SEARCH_EXACT : SEARCH_INDEX;
}

/* The name of the operation that requests[number] counts; NULL: no operation has that number. */
typedef const char *(*operation_name_fn)(unsigned number);

/* Appends the text for n samples, one of each reactor, and for the summed search times. -ENOMEM. */
MUST_USE int metrics_format(const struct metrics_sample *samples, unsigned n, const struct search_times *times,
                            operation_name_fn name, struct buffer *out);
