/* builder.h -- background work of one reactor: a fiber that lets the store do one step after the other (graphs brought up to
 * date, full segments sealed) while there is any, and sleeps until writes make more. */
#pragma once

#include "reactor/sync.h"
#include "shards/store.h"

struct gpu; /* src/gpu/gpu.h */

struct builder {
    struct store *store;
    struct event changed; /* there may be work, stopping was set, or the fiber has ended */
    bool work, stopping, running;
};

/* gpu: the device graphs may be built on, asked once and told in the log; NULL on all reactors but the first. */
MUST_USE int builder_start(struct builder *b, struct store *store, const struct gpu *gpu);
void builder_stop(struct builder *b); /* waits for the step that is under way */
