/* merge.h -- segments that become one: small ones that are merged, large ones with too many deleted
 * rows that are rewritten.
 *
 * Work of the second background fiber, so that sealing never waits for it. Searches and deletions
 * of the old segments go on all the time; the new one takes their place between two
 * instructions. */
#pragma once

#include "shards/shard.h"

#define MERGE_INPUTS_MAX 64

struct merge_choice {
    struct segment *inputs[MERGE_INPUTS_MAX];
    uint32_t count; /* 0: there is nothing to do */
};

/* What is most worth rewriting. all: as far as the largest segment allows, whatever it costs. */
void merge_choose(const struct shard *s, bool all, struct merge_choice *ret);

struct merge_tombstones {
    /* those that are kept, then those that are dropped; the caller frees them */
    struct tombstone *items;
    uint32_t kept, dropped;
};
/* Those of the inputs. Waits; pauses. After a failure, too, the items are the caller's. */
MUST_USE int merge_take_tombstones(const struct shard *s, const struct merge_choice *choice, const struct pause *pause,
                                   struct merge_tombstones *ret);

/* The one segment that is most worth rewriting: worn, or else held looser than memory allows
 * now. */
void merge_choose_rewrite(const struct shard *s, bool all, struct merge_choice *ret);

/* What merging takes of memory while it goes on. */
uint64_t merge_memory(const struct shard *s, const struct merge_choice *choice);
/* What the new segment will take on the disk, at most. */
uint64_t merge_bytes(const struct merge_choice *choice);
/* Makes one segment of the chosen ones, or none when nothing of them lives. Waits; pauses.
 * -ECANCELED, -ENOSPC, -EIO, -ENOMEM: the old ones stay as they were. */
MUST_USE int merge_run(struct shard *s, const struct merge_choice *choice);
