/* throttle.h -- slows the writers of a shard to the rate at which graphs are built, before the
 * shard is full. Each write waits a little, so that no write has to wait for seconds.
 *
 * Throttling begins when more rows are unindexed than a bound (store_tuning.backlog_rows). By
 * default the bound is the rows of one growing segment. That is a fixed number of bytes of vectors,
 * and the time that a search takes to scan their codes depends on these bytes. */
#pragma once

#include "shards/shard.h"

/* Notes that the background took ns to link so many rows. */
void throttle_measure(struct store *store, uint64_t ns, uint32_t rows);
/* Waits until a write of so many rows may go on. It may at once while the shard has fewer
 * unindexed rows than the bound, and its unindexed rows have codes and lists. Ends early when
 * ctx is given up. Waits. */
void throttle_wait(struct shard *s, uint32_t rows, const struct context *ctx);

/* Waits until a seal or a merge has ended or failed. -ETIME: the caller has to look whether it
 * may still wait. Waits. */
MUST_USE int throttle_wait_sealing(struct store *store, const struct context *ctx);
/* Writers wait when so many frozen segments wait to be sealed. Throttled writers stay below
 * that. */
uint32_t throttle_frozen_max(const struct shard *s);
