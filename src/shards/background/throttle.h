/* throttle.h -- writers are slowed before a shard is full, to the pace at which graphs are built:
 * smoothly, so that nobody stands still for seconds and then runs.
 *
 * From how many rows without a graph on may be set (struct store_tuning). If it is not, it is one
 * growing segment: that is a number of bytes of vectors, and so is what scanning their codes costs
 * a search, whatever the dimensions; and it is held in memory anyway. */
#pragma once

#include "shards/shard.h"

/* The background took so long for the graph of so many rows. */
void throttle_measure(struct store *store, uint64_t ns, uint32_t rows);
/* Waits until so many rows may come: at once while the shard is not further behind than the bound,
 * and searches need not go through many rows one by one because codes and lists are still trained.
 * Waits, but not when ctx is given up. */
void throttle_wait(struct shard *s, uint32_t rows, const struct context *ctx);
/* Of all waits of writes: so soon it is seen that a write was given up, or its collection
 * dropped. */
#define PACE_LOOK_NS ((uint64_t)10000000)
#define PACE_LOOKERS 16 /* more of them look less often, or looking is all that the core does */
/* Until work of the store has settled; -ETIME: it is time to look whether to go on waiting. */
MUST_USE int throttle_wait_sealing(struct store *store, const struct context *ctx);
/* Segments that may wait to be sealed before writers stand still: more than come
 * together at that pace. */
uint32_t throttle_frozen_max(const struct shard *s);
