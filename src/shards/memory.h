/* memory.h -- a store's part of the budget: what it holds is counted where it lies, and what it
 * will hold until everything that grows is sealed is foreseen, so that a write that is taken can
 * always be carried to its end.
 *
 * What is sealed needs far less than what grows: the rows go to a mapped file. A store that may not
 * have more seals what it has first, and refuses only when that did not help. */
#pragma once

#include "base/memory_use.h"
#include "shards/store.h"

struct segment;
struct point_batch;

/* Adds what the segment holds. */
void segment_memory(const struct segment *g, struct memory_use *use);

/* What the index of a segment of so many rows takes at its peak, when it has been built
 * and is being sealed. */
uint64_t memory_to_build(const struct store *s, const struct collection_config *c, uint32_t rows);

/* Counts those shards anew in which something changed or goes on; then store->memory.shards is
 * right. Pauses. */
void memory_refresh(struct store *s);
/* The shard goes. */
void memory_forget(struct shard *s);

/* -- writers -- */

/* Waits until there is memory for the batch, sealing what grows if need be. 0 with *ret, which
 * memory_written() ends; -ENOMEM with the sentence when there will be none by itself. Waits. */
MUST_USE int memory_admit(struct shard *s, const struct point_batch *b, uint64_t *ret, struct error *error);
void memory_written(struct store *s, uint64_t admitted);

/* -- the background -- */

/* Work that needs memory while it goes on, and is not begun without. */
struct memory_work {
    uint64_t bytes;
    struct memory_work *next;
};
/* -ENOMEM: not now; the background is asked again when there may be. frees: afterwards less is
 * used than before. Waits. */
MUST_USE int memory_work_begin(struct store *s, struct memory_work *w, uint64_t bytes, bool frees);
void memory_work_end(struct store *s, struct memory_work *w);
