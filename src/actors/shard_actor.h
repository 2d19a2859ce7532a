/* shard_actor.h -- the work of one reactor's shards, for its actors and for the
 * router of the same core.
 *
 * A router calls these functions directly for its own core, without a message or another fiber.
 * They take the structs of shard_messages.h and answer as those messages do. All wait; call them
 * from a fiber of the core. */
#pragma once

#include "actors/core.h"
#include "actors/shard_messages.h"

MUST_USE int shard_on_search(struct core *c, struct shard_search_message *m);
MUST_USE int shard_on_get(struct core *c, struct shard_get_message *m);
MUST_USE int shard_on_info(struct core *c, struct shard_info_message *m);
MUST_USE int shard_on_segments(struct core *c, struct shard_segments_message *m);
MUST_USE int shard_on_seal(struct core *c, struct shard_maintain_message *m);
MUST_USE int shard_on_compact(struct core *c, struct shard_maintain_message *m);
MUST_USE int shard_on_upsert(struct core *c, struct shard_upsert_message *m);
MUST_USE int shard_on_delete(struct core *c, struct shard_delete_message *m);
