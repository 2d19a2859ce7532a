/* metrics.h -- what a reactor counts about itself, and the Prometheus text made of all reactors' counts.
 *
 * Counting is plain additions by the reactor's own fibers. To read, a fiber asks every reactor for a sample by message and adds
 * them up, so nothing is shared while requests run. Names are listed in docs/operations.md. */
#pragma once

#include "actors/admission.h"
#include "base/error.h"
#include "base/histogram.h"
#include "base/memory.h"
#include "base/memory_use.h"
#include "reactor/runtime.h"
#include "shards/store.h"

#define METRICS_BUILD_BUCKETS 10 /* at most 1 s x 2^0..9 */
#define METRICS_OPS           32

enum metrics_strategy { STRATEGY_FLAT, STRATEGY_HNSW, STRATEGY_COUNT };

struct metrics {
    struct histogram search[STRATEGY_COUNT];      /* ns from a whole request to its hits */
    uint64_t requests[METRICS_OPS];               /* by op of the native protocol */
    uint64_t errors[ERROR_INTERNAL + 1];          /* answers by error code */
    uint64_t connections_total, connections_open; /* native */
    uint64_t bytes_received, bytes_sent;
    uint64_t points_written, points_deleted, queries;
    uint64_t searches_narrow, searches_wide; /* went to one core, to all; where there are several */
    struct admission_counts admission[ADMISSION_CLASSES];
};

/* One reactor's counts at a moment. */
struct metrics_sample {
    unsigned reactor;
    struct metrics counted;
    struct reactor_stats stats;
    struct store_stats store;
    struct memory_use memory;
    int read_only; /* errno of the disk; 0: writes are taken */
};

/* Its part of it that is about admission (metrics_admission.c). -ENOMEM. */
MUST_USE int metrics_admission_format(const struct metrics_sample *samples, unsigned n, struct buffer *out);

/* Appends the text for n samples, one a reactor. -ENOMEM. */
MUST_USE int metrics_format(const struct metrics_sample *samples, unsigned n, struct buffer *out);
