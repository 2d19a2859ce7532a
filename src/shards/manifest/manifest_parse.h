/* manifest_parse.h -- the manifest's bytes: no I/O, so that a fuzzer can eat them.
 *
 * The file is a head, the blocks of a state, and blocks of changes that were appended to it. The
 * state was flushed before the file got its name, so whatever is wrong in it is damage. Of the
 * changes only the last block can be torn; one that is followed by a whole block is damage. */
#pragma once

#include "base/memory.h"
#include "shards/manifest/manifest.h"

#define MANIFEST_FORMAT     3
#define MANIFEST_HEAD_BYTES 24

/* name: for the sentence. On success manifest_fini() frees *m; on failure there is nothing to free.
 * ret_tail: as in manifest_load(). pause (may be NULL) is called after each block. */
MUST_USE int manifest_parse(const void *bytes, size_t size, struct manifest *m, struct manifest_tail *ret_tail,
                            void (*pause)(void), const char *name, struct error *error);

/* What is on the disk of a manifest that is open for changes. */
struct manifest_extent {
    uint64_t state_bytes, bytes; /* of the head and the state; of all */
    uint64_t blocks;             /* so many have been written */
};

/* The head of a file with so many bytes of state. */
void manifest_pack_head(uint64_t state_bytes, uint8_t head[MANIFEST_HEAD_BYTES]);
/* Appends the next block of the state to out. *at begins as 0 and is moved on; *ret_more: there is
 * another block. number: of the block, from 1 on. */
MUST_USE int manifest_pack_state(const struct manifest *m, uint64_t number, size_t *at, struct buffer *out,
                                 bool *ret_more);
/* Appends a block of changes. */
MUST_USE int manifest_pack_changes(const struct manifest_change *const *changes, size_t count, uint64_t number,
                                   struct buffer *out);
