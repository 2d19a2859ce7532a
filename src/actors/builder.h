/* builder.h -- background work of one reactor: three fibers that let the store do one step after
 * the other while there is any, and sleep until writes make more. One makes codes and lists for new
 * rows, one brings graphs up to date and seals full segments, one merges: what writers may wait for
 * never waits for what takes longer. */
#pragma once

#include "reactor/fibers/sync.h"
#include "shards/store.h"

struct gpu; /* src/gpu/gpu.h */

struct builder_hand {
    struct builder *builder;
    int (*step)(struct store *store);
    bool work, running;
};

struct builder {
    struct store *store;
    struct builder_hand prepare, build, compaction;
    struct event changed; /* there may be work, stopping was set, or a fiber has ended */
    bool stopping;
};

/* gpu: the device graphs may be built on, asked once and told in the log; NULL on all
 * reactors but the first. */
MUST_USE int builder_start(struct builder *b, struct store *store, const struct gpu *gpu);
/* waits for the steps that are under way; nothing when it does not run */
void builder_stop(struct builder *b);
