/* shared_segment.h -- sealed segments, on all reactors.
 *
 * A sealed segment never changes, so its owner lends it: every other reactor has a struct segment
 * of its own whose columns, index and mapping are the owner's, and searches it as if it were there.
 * What does change is which rows are alive: each reactor has its own bits, and a row's owner tells
 * all of them (struct remote_delete) before the write that killed it is acknowledged.
 *
 * A segment that was just sealed is lent in two steps, because rows die meanwhile. First all others
 * get it with all rows alive, and remote deletes reach them from then on; then they get the bits
 * the owner had after that. In between they do not search it, the owner does it for them: a search
 * says which share it has, and the owner adds what is newer (struct search_part).
 *
 * A share ends when a merge has replaced the segment (replace.c), or when nobody searches any
 * more. */
#pragma once

#include "shards/shard.h"

/* Another reactor's segment becomes one of ours, with all rows alive and not searched yet; or is
 * so already. -ENOMEM. */
MUST_USE int shard_take_share(struct shard *s, const struct segment *of, struct segment **ret);
/* Lends a segment that was sealed here; waits until all others search it. Again after a failure. */
MUST_USE int shard_share(struct shard *s, struct segment *g);
/* Lends what could not be lent before. 1: something was. Waits. */
MUST_USE int shard_share_rest(struct shard *s);

/* Before a record is appended: the others ask here when they search. Waits. */
MUST_USE int shard_announce_unsealed(struct shard *s);
/* If everything here is sealed and lent, they need not any more. Returns whether it said so.
 * Waits. */
MUST_USE bool shard_announce_sealed(struct shard *s);
