/* merge.h -- merging: several small segments become one, and a segment with many
 * dead rows is rewritten.
 *
 * A second background fiber does it, so that sealing never waits for a merge. Searches and
 * deletions go on in the old segments. The new one takes their place between two waits. */
#pragma once

#include "shards/shard.h"

#define MERGE_INPUTS_MAX 64

struct merge_choice {
    struct segment *inputs[MERGE_INPUTS_MAX];
    uint32_t count; /* 0: there is nothing to merge */
};

#define MERGE_ROOM_ANY UINT64_MAX

/* Chooses what to merge or rewrite next. all: every segment with a dead row, and groups of any
 * sizes, as far as merge_bytes_max allows.
 *
 * room: bytes of disk that the new segment may take. Below MERGE_ROOM_ANY, segments with dead rows
 * come first, one by one, because each rewrite frees space. Then come groups that are small
 * enough. */
void merge_choose(const struct shard *s, bool all, uint64_t room, struct merge_choice *ret);

struct merge_tombstones {
    /* first the kept ones, then the dropped ones; the caller frees them */
    struct tombstone *items;
    uint32_t kept, dropped;
};
/* Divides the tombstones of the inputs into kept and dropped ones. The caller owns ret->items also
 * after a failure. Waits; pauses. */
MUST_USE int merge_take_tombstones(const struct shard *s, const struct merge_choice *choice, const struct pause *pause,
                                   struct merge_tombstones *ret);

/* Chooses one segment to rewrite that fits into `room`: that with the largest share of dead rows,
 * if it is `percent` or more; or else one whose index would become smaller under the present
 * memory pressure. */
void merge_choose_rewrite(const struct shard *s, uint32_t percent, uint64_t room, struct merge_choice *ret);

/* The memory that the merge takes while it runs. */
uint64_t merge_memory(const struct shard *s, const struct merge_choice *choice);
/* About how many bytes of disk the new segment will take. */
uint64_t merge_bytes(const struct merge_choice *choice);
/* Makes one segment of the chosen ones, or none when all their rows are dead and no tombstone is
 * kept. -ECANCELED, -ENOSPC, -EIO, -ENOMEM: the old segments stay. Waits; pauses. */
MUST_USE int merge_run(struct shard *s, const struct merge_choice *choice);
