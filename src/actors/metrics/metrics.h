/* metrics.h -- what a reactor counts about itself, and the Prometheus text made of
 * all reactors' counts.
 *
 * Counting is plain additions by the reactor's own fibers. To read, a fiber asks every reactor for
 * a sample by message and adds them up, so nothing is shared while requests run. Names are listed
 * in docs/operations.md. */
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

#define METRICS_BUILD_BUCKETS 10 /* at most 1 s x 2^0..9 */
#define METRICS_OPS           32

/* Kinds of searches, each with its own times: exact ones and those by graphs, and whether a request
 * has one query or many. */
enum search_kind { SEARCH_EXACT, SEARCH_INDEX, SEARCH_EXACT_MANY, SEARCH_INDEX_MANY, SEARCH_KINDS };

struct metrics {
    struct search_hardware hardware;
    uint64_t requests[METRICS_OPS];               /* by operation; the front names them */
    uint64_t errors[ERROR_CODES];                 /* answers by error code */
    uint64_t connections_total, connections_open; /* native */
    uint64_t bytes_received, bytes_sent;
    uint64_t points_written, points_deleted, queries;
    uint64_t recall_samples, recall_wanted,
        /* searches that were repeated exactly, and what those found (recall_watch.h) */
        recall_found;
    uint64_t searches_narrow, searches_wide; /* went to one core, to all; where there are several */
    struct admission_counts admission[ADMISSION_CLASSES];
};

/* One reactor's counts at a moment. */
struct metrics_sample {
    unsigned reactor;
    struct metrics counted;
    struct reactor_stats stats;
    struct store_stats store;
    struct build_info builds[STORE_BUILDS_MAX]; /* that go on */
    unsigned build_count;
    struct memory_use memory;
    unsigned memory_stage;  /* how scarce memory is: 0 to BUDGET_STAGES - 1 (budget.h) */
    uint64_t memory_budget; /* budget_bytes(), of the whole server */
    int read_only;          /* errno of the disk; 0: writes are taken */
};

/* What searches took: ns from a whole request to its hits. Some 120 KiB: one core's at a time. */
struct search_times {
    /* since the start, and of the last minute */
    struct histogram all[SEARCH_KINDS], recent[SEARCH_KINDS];
};
void search_times_init(struct search_times *t);
void search_times_add(struct search_times *sum, const struct search_times *one);

/* Its part of it that is about admission (metrics_admission.c). -ENOMEM. */
MUST_USE int metrics_admission_format(const struct metrics_sample *samples, unsigned n, struct buffer *out);

static inline enum search_kind search_kind_of(bool exact, uint32_t queries)
{
    return queries > 1 ? (exact ? SEARCH_EXACT_MANY : SEARCH_INDEX_MANY) : exact ? SEARCH_EXACT : SEARCH_INDEX;
}

/* The name of the operation that requests[number] counts; NULL: there is none of that number. */
typedef const char *(*operation_name_fn)(unsigned number);

/* Appends the text for n samples, one a reactor, and the times of all together. -ENOMEM. */
MUST_USE int metrics_format(const struct metrics_sample *samples, unsigned n, const struct search_times *times,
                            operation_name_fn name, struct buffer *out);
