/* metrics_collections.h -- the Prometheus text about each collection's segments. */
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "shards/store.h"

/* What is told of a collection: its segments added up by state, all reactors together. */
struct metrics_segments {
    uint64_t segments, rows, deleted_rows, tombstones, memory_bytes, disk_bytes;
};
#define METRICS_STATES (SEGMENT_SEALED + 1)

struct metrics_collection {
    const char *name; /* needs no quoting: collection_config_check() */
    bool damaged;     /* nothing else is known then */
    uint64_t points;
    struct metrics_segments by_state[METRICS_STATES]; /* by enum segment_state */
};

void metrics_collection_add(struct metrics_collection *c, const struct segment_info *segment);

/* Appends the text for n collections. -ENOMEM. */
MUST_USE int metrics_collections_format(const struct metrics_collection *all, size_t n, struct buffer *out);
