/* replace.h -- sealed segments were rewritten as one: what every reactor does about it.
 *
 * The reactor that merges tells the others, in four steps; all have taken one
 * before any takes the next.
 *
 *   REPLACE_SHARE borrows the new segment and does not search it yet, but deaths of its rows may be
 *   told from now on
 *   REPLACE_SWAP   its searches, and the rows owned here, are in the new one from now on; the
 *                  reactor that merges does it first
 *   REPLACE_FREE   lets go of the old ones that it has borrowed: nobody there reads them any more
 *   REPLACE_END    the same for those that are its own
 *
 * Until the third step the old ones are kept, and a death that is told of a row in them is told
 * to the new one, too. */
#pragma once

#include "shards/shard.h"

enum replace_step { REPLACE_SHARE, REPLACE_SWAP, REPLACE_FREE, REPLACE_END };

struct replaced_segment {
    uint64_t id;
    const uint32_t *rows; /* row i lives on as rows[i] */
};

struct replacement {
    enum replace_step step;
    uint64_t collection, number; /* of the merges of the collection since the start */
    const struct replaced_segment *old;
    uint32_t old_count;
    const struct segment *fresh;     /* NULL: nothing was left */
    const struct tombstone *dropped; /* they delete nothing any more */
    uint32_t dropped_count;
};

/* On the other reactors: a store_call_fn; call: struct replacement. */
MUST_USE int store_replace(struct store *store, void *call);

/* Parts that the merging reactor takes, too. */
/* The rows of g owned here are looked for there from now on, unless something newer is known
 * of them, even when pages of g are lost. No entry names a segment that g takes the place of
 * when it returns. Pauses. */
void replace_repoint(struct shard *s, const struct segment *g);
void replace_forget(struct shard *s, const struct replacement *r);
/* Of a segment that is not searched any more: until those that still read it have ended, but so
 * many who hold it. Waits. */
void replace_wait_unread(const struct segment *g, uint32_t holders);
/* Then it is removed. */
void replace_free(struct shard *s, struct segment *g);
