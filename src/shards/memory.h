/* memory.h -- a store's part of the memory budget. It counts what the store holds, and
 * what will be needed until everything that grows is sealed. So a write that was admitted
 * can always be finished.
 *
 * Sealed rows need far less memory than growing ones, because they lie in a mapped file. A store
 * that gets no more memory first seals. It refuses writes only when that does not help. */
#pragma once

#include "base/memory_use.h"
#include "shards/store.h"

struct segment;
struct point_batch;

/* Adds the memory that the segment holds. */
void segment_memory(const struct segment *g, struct memory_use *use);

/* The memory that the index of a segment of so many rows takes at its peak, when it is built
 * and is being sealed. */
uint64_t memory_to_build(const struct store *s, const struct collection_config *c, uint32_t rows);

/* Counts again the shards in which something changed or is under way, so that store->memory.shards
 * is up to date. Pauses. */
void memory_refresh(struct store *s);
/* Takes the shard out of the sums, before it is destroyed. */
void memory_forget(struct shard *s);

/* -- writers -- */

/* Waits until there is memory for the batch, and seals growing segments if that is needed. 0: *ret
 * bytes are promised, until memory_written() is called with them. -ENOMEM, with a sentence: no
 * memory will become free by sealing. Waits. */
MUST_USE int memory_admit(struct shard *s, const struct point_batch *b, uint64_t *ret, struct error *error);
void memory_written(struct store *s, uint64_t admitted);

/* -- the background -- */

/* Background work under way, with the memory that it may use. */
struct memory_work {
    uint64_t bytes;
    struct memory_work *next;
};
/* Asks for memory for the work. -ENOMEM: there is none now, and the background is woken when there
 * may be some. frees: when the work ends, less memory is used than before. Waits. */
MUST_USE int memory_work_begin(struct store *s, struct memory_work *w, uint64_t bytes, bool frees);
void memory_work_end(struct store *s, struct memory_work *w);
