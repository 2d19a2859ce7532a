/* shared_segment.h -- a sealed segment is searched on all reactors.
 *
 * A sealed segment never changes, so its owner shares it. Every other reactor has a struct segment
 * of its own, which uses the columns, index and mapping of the owner. Only the alive bits change,
 * so each reactor has its own. The owner of a row tells all reactors that the row is dead (struct
 * remote_delete), before the write is acknowledged.
 *
 * A new segment is shared in two steps, because rows die meanwhile. First all other reactors get
 * it with all rows alive. From then on remote deletes reach them. Then they get the alive bits
 * that the owner has after the first step. In between they do not search the segment; its owner
 * does that for them. A search says which share it has, and the owner adds newer segments
 * (struct search_part).
 *
 * Sharing ends when a merge has replaced the segment (replace.c), or when the store closes. */
#pragma once

#include "shards/shard.h"

/* Adds a shared segment of another reactor's segment, with all rows alive and not searched yet. If
 * the shard has it already, returns that. -ENOMEM. */
MUST_USE int shard_take_share(struct shard *s, const struct segment *of, struct segment **ret);
/* Shares a segment that was sealed here, and waits until all other reactors search it. May be
 * called again after a failure. */
MUST_USE int shard_share(struct shard *s, struct segment *g);
/* Shares the oldest segment that is not shared yet. 1: it did; 0: there was none. Waits. */
MUST_USE int shard_share_rest(struct shard *s);

/* Tells the other reactors that this one has unsealed rows, so that their searches ask here. Called
 * before a record is appended. Waits. */
MUST_USE int shard_announce_unsealed(struct shard *s);
/* When all rows here are sealed and shared, tells the other reactors that their searches need not
 * ask here. Returns whether it did. Waits. */
MUST_USE bool shard_announce_sealed(struct shard *s);
