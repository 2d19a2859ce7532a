/* pace.h -- writers are slowed before a shard is full, to the pace at which graphs are built: smoothly, so that nobody stands still for seconds
 * and then runs. */
#pragma once

#include "shards/shard.h"

/* The background took so long for the graph of so many rows. */
void pace_measure(struct store *store, uint64_t ns, uint32_t rows);
/* Waits until so many rows may come: at once while the shard is less than one growing segment behind. Waits. */
void pace_wait(struct shard *s, uint32_t rows);
