/* metrics_collections.h -- the Prometheus text about each collection's segments. */
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "shards/store.h"

/* The metrics of one collection: its segments on all reactors, added up by state. */
struct metrics_collection {
    const char *name; /* needs no quoting: collection_config_check() */
    bool there;       /* false: the collection was dropped meanwhile, and is left out */
    bool damaged;     /* then nothing else is known */
    uint64_t points;
    struct segment_sums by_state[SEGMENT_STATES];
};

/* Appends the text for n collections. -ENOMEM. */
MUST_USE int metrics_collections_format(const struct metrics_collection *all, size_t n, struct buffer *out);
