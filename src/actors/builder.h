/* builder.h -- the background work of one reactor. Three fibers each let the store do one step
 * after the other while there are any, and sleep until writes make more. One makes codes and
 * lists for new rows. One brings graphs up to date and seals full segments. One merges. So
 * writers, which may wait for the first two, never wait for a merge. */
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
    struct event changed; /* there may be work, `stopping` was set, or a fiber has ended */
    bool stopping;
};

/* gpu: the device that graphs may be built on. It is probed once, and the log says why it cannot
 * be used. Only reactor 0 passes it; the others pass NULL. */
MUST_USE int builder_start(struct builder *b, struct store *store, const struct gpu *gpu);
/* Waits for the steps that are under way. Does nothing when the builder does not run. */
void builder_stop(struct builder *b);
