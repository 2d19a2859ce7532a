/* replace.h -- the steps that every reactor takes when sealed segments were merged into one.
 *
 * The reactor that merges tells the others. There are four steps, and all reactors have taken one
 * before any takes the next.
 *
 *   REPLACE_SHARE  adds the new segment as a shared one, which is not searched yet; from now on
 *                  remote deletes reach its rows
 *   REPLACE_SWAP   searches read the new segment instead of the old ones, and the id map of this
 *                  reactor refers to it; the reactor that merges does this first
 *   REPLACE_FREE   waits until no search reads the shared old segments, and frees them
 *   REPLACE_END    the same for the old segments that this reactor owns
 *
 * Until the third step the old segments are kept, and a death of a row in them reaches the new one,
 * too, through the successor. */
#pragma once

#include "shards/shard.h"

enum replace_step { REPLACE_SHARE, REPLACE_SWAP, REPLACE_FREE, REPLACE_END };

struct replaced_segment {
    uint64_t id;
    const uint32_t *rows; /* row i is row rows[i] of the new segment */
};

struct replacement {
    enum replace_step step;
    /* number: how many merges the collection has had since the start */
    uint64_t collection, number;
    const struct replaced_segment *old;
    uint32_t old_count;
    const struct segment *fresh;     /* NULL: no row was left */
    const struct tombstone *dropped; /* tombstones that delete nothing any more */
    uint32_t dropped_count;
};

/* Takes a step on another reactor. A store_call_fn; call: struct replacement. */
MUST_USE int store_replace(struct store *store, void *call);

/* -- parts of the steps, which the merging reactor calls, too -- */

/* Forgets the entries of the id map for dropped tombstones. Pauses. */
void replace_forget(struct shard *s, const struct replacement *r);
/* Moves the entries of the id map to g for the rows of g that are owned here, unless an entry
 * has a newer version. When it returns, no entry names a segment that g replaces, even if pages
 * of g are lost. Pauses. */
void replace_repoint(struct shard *s, const struct segment *g);
/* Waits until only so many holders hold a segment that is not searched any more. Waits. */
void replace_wait_unread(const struct segment *g, uint32_t holders);
/* Waits until no fiber holds the segment, then removes it. Waits. */
void replace_free(struct shard *s, struct segment *g);
