/* manifest_parse.h -- reads and makes the bytes of the manifest, without I/O, so that
 * a fuzzer can call it.
 *
 * The file is a head, the blocks of a state, and blocks of changes that were appended. The state
 * was flushed before the file got its name, so any error in it is damage. Of the changes, only the
 * last block can be torn. A wrong block that is followed by a whole block is damage. */
#pragma once

#include "base/memory.h"
#include "shards/manifest/manifest.h"

#define MANIFEST_FORMAT     3
#define MANIFEST_HEAD_BYTES 24

/* Reads a manifest. After a success the caller calls manifest_fini(m), after a failure not.
 * ret_tail: as in manifest_load(). pause (may be NULL): called after each block. name: of the
 * file, for the error. */
MUST_USE int manifest_parse(const void *bytes, size_t size, struct manifest *m, struct manifest_tail *ret_tail,
                            void (*pause)(void), const char *name, struct error *error);

/* How long the file of a manifest is that is open for changes. */
struct manifest_extent {
    uint64_t state_bytes, bytes; /* of head and state; of the whole file */
    uint64_t blocks;             /* how many blocks were written */
};

/* Makes the head of a file with so many bytes of state. */
void manifest_pack_head(uint64_t state_bytes, uint8_t head[MANIFEST_HEAD_BYTES]);
/* Appends the next block of the state to out. *at: 0 for the first block; each call moves it on.
 * *ret_more: whether there is another block. number: of the block, from 1 on. */
MUST_USE int manifest_pack_state(const struct manifest *m, uint64_t number, size_t *at, struct buffer *out,
                                 bool *ret_more);
/* Appends one block with these changes to out. */
MUST_USE int manifest_pack_changes(const struct manifest_change *const *changes, size_t count, uint64_t number,
                                   struct buffer *out);
